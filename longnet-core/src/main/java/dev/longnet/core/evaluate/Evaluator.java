// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.TokenStream;
import dev.longnet.core.data.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.zip.Deflater;

/// Perplexity and bits per byte of held-out text.
///
/// Lengths are compared on the same tokens: the text's first M + 1 tokens are cut into windows of
/// the length in question, and tokens 2 to M + 1 are each predicted once, from what precedes them
/// in their window. A longer window gives a prediction more context and changes nothing else.
///
/// Where several share the work ([Scorer#sharing()]) each reads and scores its own part. Sums are
/// of float64, so the results are one scorer's to rounding.
public final class Evaluator {
  /// Tokens that go through a model at once when windows are short.
  private static final int BATCH_TOKENS = 8192;

  /// How many windows of a length go through a model at once.
  public static int windowsAtOnce(long length) {
    return (int) Math.max(1, BATCH_TOKENS / length);
  }

  private final Scorer scorer;
  private final Sharing sharing;
  private final Tokenizer tokenizer;
  private final TextBytes textBytes;

  /// Ids of the model that no text has.
  private final int[] textless;

  /// Takes the losses of windows as they come.
  public interface WindowLosses {
    /// @param first number of the first of these windows, counted from the text's first
    /// @param part of each of them
    /// @param losses [batch, part.tokens] nats, row by row
    void add(long first, Sharing.Part part, float[] losses);
  }

  public Evaluator(Scorer scorer, Tokenizer tokenizer) {
    this.scorer = scorer;
    this.sharing = scorer.sharing();
    this.tokenizer = tokenizer;
    this.textBytes = new TextBytes(tokenizer);
    this.textless = tokenizer.textless(scorer.vocabulary());
  }

  /// How many predictions [#atLength] makes for all of `lengths` alike: at most `mostTokens`, and
  /// whole windows of the longest length where there is one.
  ///
  /// @throws IllegalArgumentException where a length exceeds the text
  public static long scoredTokens(TokenStream text, List<Long> lengths, long mostTokens) {
    if (lengths.isEmpty()) {
      throw new IllegalArgumentException("lengths must name at least one: lengths=[]");
    }
    for (long length : lengths) {
      if (length < 1 || length > Integer.MAX_VALUE - 1) {
        throw new IllegalArgumentException(
            "lengths must be positive 31-bit numbers of tokens: length=" + length);
      }
      if (length > text.size() - 1) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "lengths must be below the held-out text's %d tokens: length=%d",
                text.size(),
                length));
      }
    }
    long longest = lengths.stream().mapToLong(Long::longValue).max().orElseThrow();
    long most = Math.max(longest, Math.min(mostTokens, text.size() - 1));
    return most / longest * longest;
  }

  /// Everything that a plan asks for.
  ///
  /// @throws IllegalArgumentException where a length exceeds the text
  public Evaluation run(TokenSplit held, EvaluationPlan plan, EvaluationListener listener) {
    long tokens = scoredTokens(held, plan.lengths(), plan.tokens());
    long bytes = textBytes(held, tokens);
    listener.scoring(tokens, bytes);
    List<Evaluation.AtLength> rows = new ArrayList<>();
    long longest = plan.lengths().stream().mapToLong(Long::longValue).max().orElseThrow();
    ByPosition.Sums positions = new ByPosition.Sums((int) longest, tokens / longest);
    for (long length : plan.lengths()) {
      Evaluation.AtLength at =
          atLength(held, length, tokens, length == longest ? positions::add : (_, _, _) -> {});
      rows.add(at);
      listener.scored(at);
    }
    ByPosition byPosition = positions.result(sharing);
    listener.scored(byPosition);
    Optional<Copies> copies = new CopyProbe(scorer, held, plan.copies()).run();
    copies.ifPresent(listener::scored);
    Evaluation.Documents documents = documents(held, plan.documentLength(), plan.documentTokens());
    listener.scored(documents);
    return new Evaluation(tokens, bytes, rows, byPosition, copies, Optional.of(documents));
  }

  /// @param tokens predictions to make: of the text's tokens 2 to tokens + 1
  public Evaluation.AtLength atLength(TokenStream text, long length, long tokens) {
    return atLength(text, length, tokens, (_, _, _) -> {});
  }

  /// As above.
  ///
  /// @param windows takes the losses of windows that have the length
  public Evaluation.AtLength atLength(
      TokenStream text, long length, long tokens, WindowLosses windows) {
    double nats = 0;
    double share = 0;
    long bytes = textBytes(text, tokens);
    long start = System.nanoTime();
    long turn = 0;
    for (long from = 0; from < tokens; turn++) {
      int window = (int) Math.min(length, tokens - from);
      int batch =
          window < length ? 1 : Math.clamp((tokens - from) / window, 1, windowsAtOnce(length));
      if (sharing.takes(turn)) {
        Sharing.Part part = sharing.part(window);
        long[] ids = new long[Math.multiplyExact(batch, part.tokens() + 1)];
        for (int b = 0; b < batch; b++) {
          text.copy(
              from + (long) b * window + part.first(),
              part.tokens() + 1,
              MemorySegment.ofArray(ids)
                  .asSlice(8L * b * (part.tokens() + 1), 8L * (part.tokens() + 1)));
        }
        float[] losses;
        if (textless.length == 0) {
          losses = scorer.losses(ids, batch, window);
        } else {
          Scorer.Shared shared = scorer.shared(ids, batch, window, textless);
          losses = shared.losses();
          share += shared.share();
        }
        nats += sum(losses);
        if (window == length) {
          windows.add(from / length, part, losses);
        }
      }
      from += (long) batch * window;
    }
    double[] sums = sharing.sums(nats, share);
    double seconds = (System.nanoTime() - start) / 1e9;
    return new Evaluation.AtLength(
        length,
        sums[0] / tokens,
        bits(sums[0]) / bytes,
        tokens / seconds,
        textless.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(sums[1] / tokens));
  }

  /// Text bytes that the predicted tokens of [#atLength] stand for.
  public long textBytes(TokenStream text, long tokens) {
    return textBytes.of(text, 1, tokens + 1);
  }

  /// Documents, each on its own, as a compressor sees it: predicted from its own text alone, the
  /// end-of-text token before it and the one after it included. Which ones depends on the split and
  /// on `mostTokens` only: documents spread over the whole split, until they hold `mostTokens`. Of
  /// a document that is far longer (one huge file's tail) the first `mostTokens` count, and the
  /// text they stand for.
  ///
  /// @param length tokens of a window; what exceeds it continues in the next window without the
  ///   text before
  public Evaluation.Documents documents(TokenSplit held, long length, long mostTokens) {
    double nats = 0;
    long documents = 0;
    long tokens = 0;
    double bytes = 0;
    double zipped = 0;
    double changed = 0;
    long stride = spreadingStride(held.documents());
    for (long n = 0; n < held.documents() && tokens < mostTokens; n++) {
      long index = n * stride % held.documents();
      TokenDocument document = held.document(index);
      boolean tooLong = (tokens + document.tokens()) / 2 > mostTokens;
      if (document.bytes() == 0 || documents > 0 && tooLong) {
        continue;
      }
      int count = Math.toIntExact(tooLong ? mostTokens : document.tokens());
      if (sharing.takes(documents)) {
        for (int from = 0; from < count; from += (int) length) {
          int window = (int) Math.min(length, count - from);
          Sharing.Part part = sharing.part(window);
          long[] ids = ids(held, document, from + part.first(), part.tokens() + 1);
          nats += sum(scorer.losses(ids, 1, window));
        }
      }
      if (sharing.takesAlone(documents)) {
        byte[] text = held.text(index, bytes(held, index, document, tooLong ? count : -1));
        changed += givesBack(text, held, document, count) ? 0 : 1;
        bytes += text.length;
        zipped += gzipBytes(text);
      }
      documents++;
      tokens += count;
    }
    double[] sums = sharing.sums(nats, bytes, zipped, changed);
    return new Evaluation.Documents(
        documents,
        tokens,
        (long) sums[1],
        length,
        (long) sums[3],
        bits(sums[0]) / sums[1],
        8 * sums[2] / sums[1]);
  }

  /// A document's tokens from one on, counted from the end-of-text token before it.
  private long[] ids(TokenSplit held, TokenDocument document, int from, int count) {
    long[] ids = new long[count];
    int before = from == 0 ? 1 : 0;
    if (from == 0) {
      ids[0] = tokenizer.endOfText();
    }
    held.copy(
        document.firstToken() + from - 1 + before,
        count - before,
        MemorySegment.ofArray(ids).asSlice(8L * before));
    return ids;
  }

  /// A step that visits every document once and neighbours far apart: near the golden section of
  /// their number and coprime to it.
  private static long spreadingStride(long documents) {
    long stride = Math.max(1, Math.round(documents * 0.6180339887));
    while (BigInteger.valueOf(stride).gcd(BigInteger.valueOf(Math.max(1, documents))).longValue()
        != 1) {
      stride++;
    }
    return stride;
  }

  /// Size of `gzip -9` of the bytes: zlib's deflate at level 9 and gzip's 18 bytes of header and
  /// trailer.
  static long gzipBytes(byte[] text) {
    try (Deflater deflater = new Deflater(9, true)) {
      deflater.setInput(text);
      deflater.finish();
      byte[] out = new byte[1 << 16];
      long size = 18;
      while (!deflater.finished()) {
        size += deflater.deflate(out);
      }
      return size;
    }
  }

  /// Whether a document's first tokens give its text back.
  private boolean givesBack(byte[] text, TokenSplit held, TokenDocument document, int tokens) {
    if (tokenizer.lossless()) {
      return true;
    }
    int[] own =
        Arrays.stream(ids(held, document, 1, tokens))
            .filter(id -> id != tokenizer.endOfText())
            .mapToInt(Math::toIntExact)
            .toArray();
    return tokenizer.givesBack(new byte[0], text, own);
  }

  /// Bytes of a document's first tokens.
  ///
  /// @param tokens -1: all
  private long bytes(TokenSplit held, long index, TokenDocument document, long tokens) {
    if (tokens < 0) {
      return document.bytes();
    }
    long from = document.firstToken();
    return tokenizer.lossless()
        ? Math.min(textBytes.of(held, from, from + tokens), document.bytes())
        : textBytes.upTo(held, index, tokens);
  }

  private static double sum(float[] losses) {
    double sum = 0;
    for (float loss : losses) {
      sum += loss;
    }
    return sum;
  }

  private static double bits(double nats) {
    return nats / Math.log(2);
  }
}
