// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.ReferenceAttention;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;

/// Inputs and outputs of the operator in one piece of memory each, seen as one long sequence or as
/// many short ones.
///
/// @param data q, k, v, gradOut, out, gradQ, gradK, gradV
/// @param sequences how many sequences of `tokens` tokens and `heads` heads the memory holds
/// @param batch sequences in a call
record KernelTensors(
    MemorySegment[] data,
    MemorySegment lse,
    ElementType type,
    long sequences,
    long batch,
    long tokens,
    int heads,
    int headSize) {
  static final long SEED = 1;
  private static final int INPUTS = 4;
  private static final int TENSORS = 8;

  /// Standard normal inputs.
  static KernelTensors random(Arena arena, BenchSettings settings, long tokens) {
    int heads = settings.heads();
    long elements = tokens * heads * settings.headSize();
    MemorySegment[] data = new MemorySegment[TENSORS];
    Arrays.setAll(data, i -> arena.allocate(4 * elements, 64));
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < INPUTS; i++) {
      for (long at = 0; at < elements; at++) {
        data[i].setAtIndex(ValueLayout.JAVA_FLOAT, at, (float) random.nextGaussian());
      }
    }
    return new KernelTensors(
        data,
        arena.allocate(4 * tokens * heads, 64),
        ElementType.FLOAT32,
        1,
        1,
        tokens,
        heads,
        settings.headSize());
  }

  /// The same inputs in bfloat16.
  KernelTensors rounded(Arena arena) {
    MemorySegment[] rounded = new MemorySegment[TENSORS];
    long elements = data[0].byteSize() / 4;
    Arrays.setAll(rounded, i -> arena.allocate(2 * elements, 64));
    for (int i = 0; i < INPUTS; i++) {
      for (long at = 0; at < elements; at++) {
        rounded[i].setAtIndex(
            ValueLayout.JAVA_SHORT,
            at,
            ElementType.toBfloat16(data[i].getAtIndex(ValueLayout.JAVA_FLOAT, at)));
      }
    }
    return new KernelTensors(
        rounded, lse, ElementType.BFLOAT16, sequences, batch, tokens, heads, headSize);
  }

  /// The same memory as sequences of other lengths.
  KernelTensors cut(long tokens, int heads, long batch) {
    return new KernelTensors(
        data,
        lse,
        type,
        this.tokens * this.heads / (tokens * heads),
        batch,
        tokens,
        heads,
        headSize);
  }

  private AttentionTensor tensor(int i, long call) {
    long bytes = call % (sequences / batch) * batch * tokens * heads * headSize * type.bytes();
    return AttentionTensor.contiguous(data[i].asSlice(bytes), type, batch, tokens, heads, headSize);
  }

  private MemorySegment lse(long call) {
    return lse.asSlice(call % (sequences / batch) * batch * tokens * heads * 4);
  }

  void forward(DilatedAttention attention, long call) {
    attention.forward(
        new Qkv(tensor(0, call), tensor(1, call), tensor(2, call)),
        new AttentionOutput(tensor(4, call), lse(call)));
  }

  void backward(DilatedAttention attention, long call) {
    attention.backward(
        new Qkv(tensor(0, call), tensor(1, call), tensor(2, call)),
        new AttentionOutput(tensor(4, call), lse(call)),
        tensor(3, call),
        new Qkv(tensor(5, call), tensor(6, call), tensor(7, call)),
        GradientMode.EXACT);
  }

  /// Both passes of the last call against the oracle. Where segments are apart that sees the last
  /// segment of one head of what will be timed; several branches reach too far for it and are
  /// shrunk.
  ///
  /// @param small what several branches shrink to
  /// @throws IllegalStateException when a value is wrong
  void verify(String name, DilatedAttention attention, DilatedAttentionSpec small) {
    DilatedAttentionSpec spec = (DilatedAttentionSpec) attention.pattern();
    if (spec.branches() > 1) {
      KernelTensors few = cut(Math.min(Verification.TOKENS, tokens), heads, 1);
      few.compare(name, DilatedAttention.of(small, attention.options()), 0, 0, heads);
    } else {
      long length = Math.min(tokens, spec.segments().getFirst().segmentLength());
      compare(name, attention, (tokens - 1) / length * length, heads - 1, 1);
    }
  }

  /// The tokens from `from` on of some heads are a problem of their own.
  private void compare(String name, DilatedAttention attention, long from, int head, int heads) {
    long call = sequences / batch - 1;
    forward(attention, call);
    backward(attention, call);
    AttentionTensor[] x = new AttentionTensor[TENSORS];
    Arrays.setAll(
        x,
        i -> {
          AttentionTensor t = tensor(i, call);
          long first =
              (batch - 1) * t.batchStride() + from * t.tokenStride() + head * t.headStride();
          return new AttentionTensor(
              t.data().asSlice(first * type.bytes()),
              type,
              1,
              tokens - from,
              heads,
              headSize,
              0,
              t.tokenStride(),
              t.headStride());
        });
    ReferenceAttention oracle = ReferenceAttention.of((DilatedAttentionSpec) attention.pattern());
    close(name + ": out", x[4], oracle.forward(x[0], x[1], x[2]).out());
    ReferenceAttention.Backward gradients =
        oracle.backward(x[0], x[1], x[2], x[3], GradientMode.EXACT);
    close(name + ": grad_q", x[5], gradients.gradQ());
    close(name + ": grad_k", x[6], gradients.gradK());
    close(name + ": grad_v", x[7], gradients.gradV());
  }

  private void close(String what, AttentionTensor actual, double[] expected) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
    // Results in bfloat16 are rounded once; gradients start from an out that was.
    double tolerance =
        Math.max(1, largest) * (type == ElementType.BFLOAT16 ? 0x1p-7 : Verification.TOLERANCE);
    int at = 0;
    for (long n = 0; n < actual.tokens(); n++) {
      for (int h = 0; h < actual.heads(); h++) {
        HeadRows row = actual.rows(0, h, new Rows(n, 1, 1));
        for (int d = 0; d < headSize; d++, at++) {
          if (!(Math.abs(row.get(0, d) - expected[at]) <= tolerance)) {
            throw new IllegalStateException(
                String.format(
                    Locale.ROOT,
                    "%s is wrong: %s instead of %s at row %d: nothing was timed",
                    what,
                    row.get(0, d),
                    expected[at],
                    n));
          }
        }
      }
    }
  }
}
