// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;

/// A view of a [B, N, H, D] tensor somewhere in memory. Whoever owns `data` owns the elements. The
/// last dimension is contiguous; the others have any stride.
///
/// @param data on or off heap; element 0 is (0, 0, 0, 0)
/// @param batch B, 0 or more
/// @param tokens N, 0 or more
/// @param heads H, positive
/// @param headSize D, positive
/// @param batchStride elements between two sequences of the batch
/// @param tokenStride elements between two tokens
/// @param headStride elements between two heads
public record AttentionTensor(
    MemorySegment data,
    ElementType type,
    long batch,
    long tokens,
    int heads,
    int headSize,
    long batchStride,
    long tokenStride,
    long headStride) {
  public AttentionTensor {
    Objects.requireNonNull(data, "data");
    Objects.requireNonNull(type, "type");
    if (batch < 0 || tokens < 0 || heads < 1 || headSize < 1) {
      throw new IllegalArgumentException(
          "a tensor needs batch, tokens >= 0 and heads, headSize >= 1: batch="
              + batch
              + ", tokens="
              + tokens
              + ", heads="
              + heads
              + ", headSize="
              + headSize);
    }
    if (batchStride < 0 || tokenStride < 0 || headStride < 0) {
      throw new IllegalArgumentException(
          "strides must not be negative: batchStride="
              + batchStride
              + ", tokenStride="
              + tokenStride
              + ", headStride="
              + headStride);
    }
    if (batch > 0 && tokens > 0) {
      long end = headSize;
      end = Math.addExact(end, Math.multiplyExact(batch - 1, batchStride));
      end = Math.addExact(end, Math.multiplyExact(tokens - 1, tokenStride));
      end = Math.addExact(end, Math.multiplyExact(heads - 1L, headStride));
      if (end > data.byteSize() / type.bytes()) {
        throw new IllegalArgumentException(
            "tensor ["
                + batch
                + ", "
                + tokens
                + ", "
                + heads
                + ", "
                + headSize
                + "] ends at element "
                + end
                + ", its memory holds "
                + data.byteSize() / type.bytes());
      }
    }
  }

  /// Float32 elements stored densely in the order [B, N, H, D].
  public static AttentionTensor float32(
      MemorySegment data, long batch, long tokens, int heads, int headSize) {
    return contiguous(data, ElementType.FLOAT32, batch, tokens, heads, headSize);
  }

  /// A tensor stored densely in the order [B, N, H, D].
  public static AttentionTensor contiguous(
      MemorySegment data, ElementType type, long batch, long tokens, int heads, int headSize) {
    long tokenStride = Math.multiplyExact((long) heads, headSize);
    return new AttentionTensor(
        data,
        type,
        batch,
        tokens,
        heads,
        headSize,
        Math.multiplyExact(tokens, tokenStride),
        tokenStride,
        headSize);
  }

  /// The rows of one head of one sequence at these positions.
  public HeadRows rows(long sequence, int head, Rows positions) {
    long offset = sequence * batchStride + head * headStride + positions.first() * tokenStride;
    return new HeadRows(data, type, offset, positions.stride() * tokenStride, headSize, positions);
  }

  boolean sameShape(AttentionTensor other) {
    return batch == other.batch
        && tokens == other.tokens
        && heads == other.heads
        && headSize == other.headSize;
  }

  String shape() {
    return Arrays.toString(new long[] {batch, tokens, heads, headSize});
  }

  /// Whether no two elements share memory, so that the tensor can be written.
  boolean isWritable() {
    if (batch == 0 || tokens == 0) {
      return true;
    }
    long[][] dims = {{batch, batchStride}, {tokens, tokenStride}, {heads, headStride}};
    Arrays.sort(dims, Comparator.comparingLong(dim -> dim[1]));
    long extent = headSize;
    for (long[] dim : dims) {
      if (dim[0] > 1) {
        if (dim[1] < extent) {
          return false;
        }
        extent += (dim[0] - 1) * dim[1];
      }
    }
    return !data.isReadOnly();
  }
}
