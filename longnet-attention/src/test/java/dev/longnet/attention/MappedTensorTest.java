// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.Rows;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Tensors in mapped files, where an element's index or a byte's needs more than 31 or 32 bits. The
/// files are sparse: what nobody touches takes no room.
class MappedTensorTest {
  @TempDir Path folder;

  static List<AttentionOptions> kernels() {
    return Kernels.all();
  }

  /// A few rows far apart: element indices up to 2^34, both passes, every kernel and both types.
  /// The same bits as close together.
  @ParameterizedTest
  @MethodSource("kernels")
  void rowsFarApartGiveTheSameBits(AttentionOptions options) throws IOException {
    int tokens = 130;
    int heads = 2;
    int size = 20;
    DilatedAttentionSpec spec =
        DilatedAttentionSpec.of(
            new long[] {16, 50, 130}, new long[] {1, 2, 3}, true, HeadOffsets.INTERLEAVED);
    DilatedAttention attention = DilatedAttention.of(spec, options);
    for (ElementType type : ElementType.FAST) {
      Random random = new Random(1);
      long tokenStride = (1L << 27) + 1;
      try (Arena arena = Arena.ofShared()) {
        MemorySegment file = map(arena, "far", tokens * tokenStride * type.bytes());
        List<AttentionTensor> near = new ArrayList<>();
        List<AttentionTensor> far = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          AttentionTensor values = TestTensors.empty(type, 1, tokens, heads, size);
          TestTensors.copy(TestTensors.random(random, 1, 1, tokens, heads, size), values);
          near.add(values);
          // A token's rows of all tensors are neighbours, so that they share a page.
          far.add(
              new AttentionTensor(
                  file.asSlice((long) i * heads * size * type.bytes()),
                  type,
                  1,
                  tokens,
                  heads,
                  size,
                  0,
                  tokenStride,
                  size));
          TestTensors.copy(values, far.get(i));
        }
        MemorySegment nearLse = bothPasses(attention, near);
        assertThat(bothPasses(attention, far).mismatch(nearLse)).as("lse").isEqualTo(-1);
        for (int i = 0; i < 8; i++) {
          assertThat(TestTensors.values(far.get(i)))
              .as("tensor %d", i)
              .isEqualTo(TestTensors.values(near.get(i)));
        }
      }
    }
  }

  /// @param x q, k, v, gradOut, out, gradQ, gradK, gradV
  private static MemorySegment bothPasses(DilatedAttention attention, List<AttentionTensor> x) {
    MemorySegment lse = TestTensors.floats(x.getFirst().tokens() * x.getFirst().heads());
    attention.forward(new Qkv(x.get(0), x.get(1), x.get(2)), new AttentionOutput(x.get(4), lse));
    attention.backward(
        new Qkv(x.get(0), x.get(1), x.get(2)),
        new AttentionOutput(x.get(4), lse),
        x.get(3),
        new Qkv(x.get(5), x.get(6), x.get(7)),
        GradientMode.EXACT);
    return lse;
  }

  private MemorySegment map(Arena arena, String name, long bytes) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve(name),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.SPARSE)) {
      return channel.map(MapMode.READ_WRITE, 0, bytes, arena);
    }
  }

  /// N H D = 2^31 + 2^19 elements of bfloat16, 4 GiB a tensor; q = k = v. Random where an index
  /// that lost its upper bits would land, and at rows that a branch as long as the sequence keeps;
  /// zero elsewhere. Rows of the output there against the definition in float64.
  @Test
  @Tag("slow")
  void moreThanTwoToThe31Elements() throws IOException {
    int heads = 2;
    int size = 64;
    long tokens = (1L << 24) + (1L << 12);
    List<Branch> branches =
        List.of(new Branch(16, 1), new Branch(96, 5), new Branch(tokens, 1L << 20));
    DilatedAttentionSpec spec = new DilatedAttentionSpec(branches, true);
    try (Arena arena = Arena.ofShared()) {
      AttentionTensor x =
          AttentionTensor.contiguous(
              map(arena, "x", tokens * heads * size * 2),
              ElementType.BFLOAT16,
              1,
              tokens,
              heads,
              size);
      AttentionTensor out =
          AttentionTensor.contiguous(
              map(arena, "out", tokens * heads * size * 2),
              ElementType.BFLOAT16,
              1,
              tokens,
              heads,
              size);
      // Around element 0, 2^30, 2^31 (byte 2^31, 2^32) and the end.
      long[] windows = {0, (1L << 23) - 96, (1L << 24) - 96, tokens - 192};
      Random random = new Random(1);
      for (long window : windows) {
        randomize(random, x, new Rows(window, 1, 192));
      }
      randomize(random, x, new Rows(0, 1L << 20, 17));
      randomize(random, x, new Rows(1, 1L << 20, 17));

      MemorySegment lse = arena.allocate(tokens * heads * 4, 64);
      DilatedAttention.of(spec).forward(new Qkv(x, x, x), new AttentionOutput(out, lse));

      for (long window : windows) {
        for (long position = window; position < window + 192; position++) {
          for (int head = 0; head < heads; head++) {
            assertRow(spec, x, out, lse, position, head);
          }
        }
      }
    }
  }

  /// The same size backward: branches within 96 tokens, so that what surrounds an index is a small
  /// problem of its own.
  @Test
  @Tag("slow")
  void gradientsOfMoreThanTwoToThe31Elements() throws IOException {
    int heads = 2;
    int size = 64;
    long tokens = (1L << 24) + (1L << 12);
    DilatedAttention attention =
        DilatedAttention.of(
            new DilatedAttentionSpec(List.of(new Branch(16, 1), new Branch(96, 5)), true));
    try (Arena arena = Arena.ofShared()) {
      AttentionTensor[] far = new AttentionTensor[7];
      for (int i = 0; i < far.length; i++) {
        far[i] =
            AttentionTensor.contiguous(
                map(arena, "t" + i, tokens * heads * size * 2),
                ElementType.BFLOAT16,
                1,
                tokens,
                heads,
                size);
      }
      // q = k, v, gradOut, out, gradQ, gradK, gradV.
      long[] windows = {
        0, (1L << 23) / 96 * 96 - 96, (1L << 24) / 96 * 96 - 96, tokens / 96 * 96 - 96
      };
      Random random = new Random(2);
      for (long window : windows) {
        for (int i = 0; i < 3; i++) {
          randomize(random, far[i], new Rows(window, 1, Math.min(192, tokens - window)));
        }
      }
      MemorySegment lse = arena.allocate(tokens * heads * 4, 64);
      attention.forward(new Qkv(far[0], far[0], far[1]), new AttentionOutput(far[3], lse));
      attention.backward(
          new Qkv(far[0], far[0], far[1]),
          new AttentionOutput(far[3], lse),
          far[2],
          new Qkv(far[4], far[5], far[6]),
          GradientMode.EXACT);
      for (long window : windows) {
        int count = (int) Math.min(192, tokens - window);
        AttentionTensor[] near = new AttentionTensor[far.length];
        for (int i = 0; i < far.length; i++) {
          near[i] = TestTensors.empty(ElementType.BFLOAT16, 1, count, heads, size);
        }
        for (int i = 0; i < 3; i++) {
          TestTensors.copy(part(far[i], window, count), near[i]);
        }
        MemorySegment nearLse = TestTensors.floats((long) count * heads);
        attention.forward(
            new Qkv(near[0], near[0], near[1]), new AttentionOutput(near[3], nearLse));
        attention.backward(
            new Qkv(near[0], near[0], near[1]),
            new AttentionOutput(near[3], nearLse),
            near[2],
            new Qkv(near[4], near[5], near[6]),
            GradientMode.EXACT);
        for (int i = 3; i < far.length; i++) {
          assertThat(TestTensors.values(part(far[i], window, count)))
              .as("tensor %d, tokens from %d", i, window)
              .containsExactly(TestTensors.values(near[i]), within(1.0 / 32));
        }
      }
    }
  }

  /// Consecutive tokens of a contiguous bfloat16 tensor as one of their own.
  private static AttentionTensor part(AttentionTensor whole, long first, int count) {
    long token = 2L * whole.heads() * whole.headSize();
    return AttentionTensor.contiguous(
        whole.data().asSlice(first * token, count * token),
        ElementType.BFLOAT16,
        1,
        count,
        whole.heads(),
        whole.headSize());
  }

  private static void randomize(Random random, AttentionTensor x, Rows positions) {
    float[] row = new float[x.headSize()];
    for (int head = 0; head < x.heads(); head++) {
      HeadRows rows = x.rows(0, head, positions);
      for (long i = 0; i < rows.count(); i++) {
        for (int d = 0; d < row.length; d++) {
          row[d] = (float) random.nextGaussian();
        }
        rows.write(i, row, 0);
      }
    }
  }

  /// One query by the definition: the softmax over the kept keys of its segments, up to its own
  /// position.
  private static void assertRow(
      DilatedAttentionSpec spec,
      AttentionTensor x,
      AttentionTensor out,
      MemorySegment lse,
      long position,
      int head) {
    double[] query = row(x, position, head);
    double sum = 0;
    double[] weighted = new double[query.length];
    for (Branch branch : spec.segments()) {
      long start = position / branch.segmentLength() * branch.segmentLength();
      if ((position - start) % branch.dilation() != head % branch.dilation()) {
        continue;
      }
      for (long key = start + head % branch.dilation(); key <= position; key += branch.dilation()) {
        double[] value = row(x, key, head);
        double score = 0;
        for (int d = 0; d < query.length; d++) {
          score += query[d] * value[d];
        }
        double weight = Math.exp(score / Math.sqrt(query.length));
        sum += weight;
        for (int d = 0; d < query.length; d++) {
          weighted[d] += weight * value[d];
        }
      }
    }
    double expectedLse = Math.log(sum);
    float actualLse = lse.get(ValueLayout.JAVA_FLOAT, (head * x.tokens() + position) * 4);
    assertThat(Math.abs(actualLse - expectedLse))
        .as("lse at %d, head %d", position, head)
        .isLessThan(2e-6 * Math.max(1, expectedLse));
    double[] actual = row(out, position, head);
    double largest = Arrays.stream(weighted).map(Math::abs).max().orElseThrow() / sum;
    for (int d = 0; d < actual.length; d++) {
      // A bfloat16 has eight bits: half a unit, and what float32 adds.
      assertThat(Math.abs(actual[d] - weighted[d] / sum))
          .as("out at %d, head %d, %d", position, head, d)
          .isLessThanOrEqualTo(Math.abs(weighted[d] / sum) * 0x1p-8 + 1e-5 * largest);
    }
  }

  private static double[] row(AttentionTensor t, long position, int head) {
    HeadRows row = t.rows(0, head, new Rows(position, 1, 1));
    double[] values = new double[t.headSize()];
    Arrays.setAll(values, d -> row.get(0, d));
    return values;
  }
}
