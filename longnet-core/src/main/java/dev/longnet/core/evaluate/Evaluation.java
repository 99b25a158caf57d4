// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;

/// How well a model predicts held-out text.
///
/// @param tokens scored at every length, the same ones
/// @param bytes of text those tokens stand for
/// @param documents each on its own, against gzip; absent where documents are not known one by one
public record Evaluation(
    long tokens, long bytes, List<AtLength> lengths, Optional<Documents> documents) {
  public Evaluation {
    lengths = List.copyOf(lengths);
  }

  /// @param length tokens a window holds: the most context a prediction can have
  /// @param nats mean negative log-likelihood of a token
  /// @param bitsPerByte all tokens' losses over all bytes, end-of-text tokens included in the
  ///   losses
  public record AtLength(long length, double nats, double bitsPerByte, double tokensPerSecond) {
    /// exp of the mean loss of a token.
    public double perplexity() {
      return Math.exp(nats);
    }
  }

  /// @param length tokens a window holds; longer documents continue in the next one, without the
  ///   text before
  /// @param gzipBitsPerByte `gzip -9` of the same documents, each a file of its own
  public record Documents(
      long documents,
      long tokens,
      long bytes,
      long length,
      double bitsPerByte,
      double gzipBitsPerByte) {}

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
    }
    documents.ifPresent(d -> {
      ObjectNode node = json.putObject("documents");
      node.put("documents", d.documents());
      node.put("tokens", d.tokens());
      node.put("bytes", d.bytes());
      node.put("length", d.length());
      number(node, "bits_per_byte", d.bitsPerByte());
      number(node, "gzip_bits_per_byte", d.gzipBitsPerByte());
    });
    return json;
  }

  private static void number(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    } else {
      node.putNull(key);
    }
  }
}
