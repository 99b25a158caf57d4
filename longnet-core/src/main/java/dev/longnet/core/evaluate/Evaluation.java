// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/// How well a model predicts held-out text.
///
/// @param tokens scored at every length, the same ones
/// @param bytes of text those tokens stand for
/// @param positions by position in the windows of the longest length
/// @param copies how far back copies are found; absent where nobody asked, or windows are too short
/// @param documents each on its own, against gzip; absent where documents are not known one by one
public record Evaluation(
    long tokens,
    long bytes,
    List<AtLength> lengths,
    ByPosition positions,
    Optional<Copies> copies,
    Optional<Documents> documents) {
  public Evaluation {
    lengths = List.copyOf(lengths);
  }

  /// @param length tokens a window holds: the most context a prediction can have
  /// @param nats mean negative log-likelihood of a token
  /// @param bitsPerByte all tokens' losses over all bytes, end-of-text tokens included in the
  ///   losses
  /// @param textless mean probability of ids that no text has (control tokens but the end of text,
  ///   a vocabulary's padding): losses count it as lost; empty where there are no such ids
  public record AtLength(
      long length,
      double nats,
      double bitsPerByte,
      double tokensPerSecond,
      OptionalDouble textless) {
    /// exp of the mean loss of a token.
    public double perplexity() {
      return Math.exp(nats);
    }
  }

  /// @param length tokens a window holds; longer documents continue in the next one, without the
  ///   text before
  /// @param changed documents whose ids do not give their text back: the tokenizer loses something
  /// @param gzipBitsPerByte `gzip -9` of the same documents, each a file of its own
  public record Documents(
      long documents,
      long tokens,
      long bytes,
      long length,
      long changed,
      double bitsPerByte,
      double gzipBitsPerByte) {
    /// Says how many of them the tokenizer changes.
    public Optional<String> loss() {
      return changed == 0
          ? Optional.empty()
          : Optional.of(
              String.format(
                  Locale.ROOT,
                  "the tokenizer changes %,d of them (a normalizer, spaces, unknown words): bytes are those of the original text",
                  changed));
    }
  }

  /// Says how much probability ids without text got, where a perplexity shows it.
  public static Optional<String> lost(double textless) {
    return textless < 5e-5
        ? Optional.empty()
        : Optional.of(
            String.format(
                Locale.ROOT,
                "%.2f %% of the probability goes to ids without text: perplexity counts it as lost",
                100 * textless));
  }

  /// What `evaluation.json` and `longnet eval --json` hold. Not finite values become null.
  public ObjectNode toJson() {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("tokens", tokens);
    json.put("bytes", bytes);
    ArrayNode rows = json.putArray("lengths");
    for (AtLength at : lengths) {
      ObjectNode row = rows.addObject();
      row.put("length", at.length());
      number(row, "nats_per_token", at.nats());
      number(row, "perplexity", at.perplexity());
      number(row, "bits_per_byte", at.bitsPerByte());
      number(row, "tokens_per_second", at.tokensPerSecond());
      at.textless().ifPresent(share -> number(row, "textless_probability", share));
    }
    positions.write(json.putObject("positions"));
    copies.ifPresent(found -> found.write(json.putObject("copy_probe")));
    documents.ifPresent(d -> {
      ObjectNode node = json.putObject("documents");
      node.put("documents", d.documents());
      node.put("tokens", d.tokens());
      node.put("bytes", d.bytes());
      node.put("length", d.length());
      if (d.changed() > 0) {
        node.put("changed_by_tokenizer", d.changed());
      }
      number(node, "bits_per_byte", d.bitsPerByte());
      number(node, "gzip_bits_per_byte", d.gzipBitsPerByte());
    });
    return json;
  }

  static void number(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    } else {
      node.putNull(key);
    }
  }
}
