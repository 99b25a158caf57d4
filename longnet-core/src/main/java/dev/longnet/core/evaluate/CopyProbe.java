// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import dev.longnet.core.data.TokenStream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/// Measures [Copies] on held-out text.
///
/// A window is text as it stands, in which the second spans overwrite what was there. It is scored
/// twice. Each first span is replaced by other held-out text in one of the two, which one is drawn.
/// So several spans share the two passes, and what the others' replacement does to a span's loss
/// has the mean 0.
final class CopyProbe {
  /// Tokens of a window to each span in it: the text stays text. Of more residue classes none would
  /// have enough spans to say something.
  private static final int MOST_CLASSES = 64;

  private static final int ROOM = 256;

  /// Tokens that go through a model at once.
  private static final int BATCH_TOKENS = 8192;

  /// Places that are tried before a span is left out of a window.
  private static final int TRIES = 64;

  private final Scorer scorer;
  private final Sharing sharing;
  private final TokenStream text;
  private final EvaluationPlan.CopyPlan plan;
  private final long tokens;
  private final int window;
  private final List<Octave> octaves;
  private final Random random;

  /// Of the next span: its octave and class follow from it.
  private int number;

  CopyProbe(Scorer scorer, TokenStream text, EvaluationPlan.CopyPlan plan) {
    this.scorer = scorer;
    this.sharing = scorer.sharing();
    this.text = text;
    this.plan = plan;
    // A text that is short needs no more than that each part of it is seen about once.
    this.tokens = Math.min(plan.tokens(), 2 * (text.size() - 1));
    this.window = (int) Math.min(plan.window(), tokens / 2);
    this.octaves = Octave.upTo(Copies.SPAN, 2L * Copies.SPAN, (long) window - Copies.SPAN);
    this.random = new Random(plan.seed());
  }

  /// A span that stands twice.
  ///
  /// @param second where in the window's ids the second one begins
  /// @param inFirst whether the first of the two windows has the first span
  private record Span(int octave, int distance, int second, boolean inFirst) {
    int first() {
      return second - distance;
    }
  }

  /// Two windows that differ in the first spans.
  private record Pair(long[] first, long[] second, List<Span> spans) {}

  /// Empty where the windows hold no two spans.
  Optional<Copies> run() {
    if (octaves.isEmpty()) {
      return Optional.empty();
    }
    long pairs = tokens / (2L * window);
    int atOnce = (int) Math.max(1, BATCH_TOKENS / (2L * window));
    List<Span> spans = new ArrayList<>();
    List<double[]> nats = new ArrayList<>();
    for (long done = 0; done < pairs; done += atOnce) {
      List<Pair> some = new ArrayList<>();
      for (long i = done; i < Math.min(pairs, done + atOnce); i++) {
        some.add(pair());
      }
      some.forEach(pair -> spans.addAll(pair.spans));
      nats.add(sharing.takes(done / atOnce) ? nats(some) : new double[2 * count(some)]);
    }
    double[] all = sharing.sums(nats.stream().flatMapToDouble(Arrays::stream).toArray());
    List<Sums> sums = octaves.stream().map(_ -> new Sums(plan.dilation())).toList();
    for (int i = 0; i < spans.size(); i++) {
      double first = all[2 * i] / (Copies.SPAN - Copies.LEAD);
      double second = all[2 * i + 1] / (Copies.SPAN - Copies.LEAD);
      Span span = spans.get(i);
      sums.get(span.octave).add(span, span.inFirst ? second : first, span.inFirst ? first : second);
    }
    List<Copies.AtDistance> rows = new ArrayList<>();
    for (int i = 0; i < octaves.size(); i++) {
      rows.add(sums.get(i).row(octaves.get(i)));
    }
    return Optional.of(new Copies(window, pairs * 2 * window, plan.dilation(), rows));
  }

  private Pair pair() {
    long start = random.nextLong(text.size() - window);
    long[] ids = ids(start, window + 1);
    List<Span> spans = new ArrayList<>();
    for (int i = 0; i < Math.max(1, window / ROOM); i++) {
      place(spans);
    }
    for (Span span : spans) {
      System.arraycopy(ids, span.first(), ids, span.second, Copies.SPAN);
    }
    long[] other = ids.clone();
    for (Span span : spans) {
      long[] replacement = ids(elsewhere(start), Copies.SPAN);
      System.arraycopy(replacement, 0, span.inFirst ? other : ids, span.first(), Copies.SPAN);
    }
    return new Pair(ids, other, spans);
  }

  /// Adds the next span where there is room for both of its places.
  private void place(List<Span> spans) {
    int octave = number % octaves.size();
    int residue = number / octaves.size() % plan.dilation();
    number++;
    int distance = distance(octaves.get(octave), residue);
    for (int i = 0; i < TRIES; i++) {
      int first = random.nextInt(window - Copies.SPAN - distance + 1);
      Span span = new Span(octave, distance, first + distance, random.nextBoolean());
      if (spans.stream().noneMatch(other -> overlap(span, other))) {
        spans.add(span);
        return;
      }
    }
  }

  /// One of the octave's distances in the class; where it has none, one of them all.
  private int distance(Octave octave, int residue) {
    long first = octave.from() + Math.floorMod(residue - octave.from(), (long) plan.dilation());
    boolean none = first > octave.to();
    long from = none ? octave.from() : first;
    int step = none ? 1 : plan.dilation();
    return (int) (from + (long) step * random.nextInt((int) ((octave.to() - from) / step) + 1));
  }

  private static boolean overlap(Span a, Span b) {
    return near(a.first(), b.first())
        || near(a.first(), b.second)
        || near(a.second, b.first())
        || near(a.second, b.second);
  }

  private static boolean near(int a, int b) {
    return Math.abs(a - b) < Copies.SPAN;
  }

  /// Where a replacement begins: outside of the window, if the text has so much more.
  private long elsewhere(long start) {
    long before = Math.max(0, start - Copies.SPAN + 1);
    long after = Math.max(0, text.size() - (start + window + 1) - Copies.SPAN + 1);
    if (before + after == 0) {
      return random.nextLong(text.size() - Copies.SPAN + 1);
    }
    long place = random.nextLong(before + after);
    return place < before ? place : start + window + 1 + place - before;
  }

  private long[] ids(long from, int count) {
    long[] ids = new long[count];
    text.copy(from, count, MemorySegment.ofArray(ids));
    return ids;
  }

  private static int count(List<Pair> pairs) {
    return pairs.stream().mapToInt(pair -> pair.spans.size()).sum();
  }

  /// The sum of the second span's scored tokens, of each span in the first and in the second window
  /// of its pair: what this scorer's part holds of it.
  private double[] nats(List<Pair> pairs) {
    List<long[]> rows = new ArrayList<>();
    for (Pair pair : pairs) {
      rows.add(pair.first);
      rows.add(pair.second);
    }
    float[][] losses = losses(rows);
    double[] nats = new double[2 * count(pairs)];
    int at = 0;
    for (int i = 0; i < pairs.size(); i++) {
      for (Span span : pairs.get(i).spans) {
        nats[at++] = nats(losses[2 * i], span);
        nats[at++] = nats(losses[2 * i + 1], span);
      }
    }
    return nats;
  }

  /// Of this scorer's part of each window.
  private float[][] losses(List<long[]> rows) {
    Sharing.Part part = sharing.part(window);
    float[][] losses = new float[rows.size()][];
    int most = Math.max(1, BATCH_TOKENS / window);
    int ids = part.tokens() + 1;
    for (int from = 0; from < rows.size(); from += most) {
      int batch = Math.min(most, rows.size() - from);
      long[] windows = new long[batch * ids];
      for (int i = 0; i < batch; i++) {
        System.arraycopy(rows.get(from + i), part.first(), windows, i * ids, ids);
      }
      float[] all = scorer.losses(windows, batch, window);
      for (int i = 0; i < batch; i++) {
        losses[from + i] = Arrays.copyOfRange(all, i * part.tokens(), (i + 1) * part.tokens());
      }
    }
    return losses;
  }

  /// The loss of an id stands one before it.
  private double nats(float[] losses, Span span) {
    int before = sharing.part(window).first() + 1;
    double sum = 0;
    for (int i = Copies.LEAD; i < Copies.SPAN; i++) {
      int at = span.second + i - before;
      sum += at >= 0 && at < losses.length ? losses[at] : 0;
    }
    return sum;
  }

  /// Of one octave.
  private static final class Sums {
    private final Mean without = new Mean();
    private final Mean gain = new Mean();
    private final List<Mean> residues = new ArrayList<>();

    Sums(int dilation) {
      for (int i = 0; i < dilation && dilation > 1 && dilation <= MOST_CLASSES; i++) {
        residues.add(new Mean());
      }
    }

    void add(Span span, double natsWithout, double natsWith) {
      double bits = (natsWithout - natsWith) / Math.log(2);
      without.add(natsWithout / Math.log(2));
      gain.add(bits);
      if (!residues.isEmpty()) {
        residues.get(span.distance % residues.size()).add(bits);
      }
    }

    Copies.AtDistance row(Octave distance) {
      return new Copies.AtDistance(
          distance,
          without.value(),
          Copies.Gain.of(gain),
          residues.stream().map(Copies.Gain::of).toList());
    }
  }
}
