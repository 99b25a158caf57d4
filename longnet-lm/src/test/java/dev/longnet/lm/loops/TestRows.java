// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/// A block of rows with bytes around and between them that nobody may write.
final class TestRows {
  private static final int GUARD = 128;
  private static final byte UNTOUCHED = 0x5B;

  final RowBlock block;
  private final MemorySegment memory;

  /// @param gap elements between two rows
  TestRows(Arena arena, ElementType type, int rows, int width, int gap) {
    long stride = width + gap;
    memory = arena.allocate(2L * GUARD + rows * stride * type.bytes(), 64);
    memory.fill(UNTOUCHED);
    block = new RowBlock(memory.address() + GUARD, type, rows, width, stride);
  }

  static TestRows vector(Arena arena, int width) {
    return new TestRows(arena, ElementType.FLOAT32, 1, width, 0);
  }

  long address() {
    return block.address();
  }

  TestRows random(Random random, double scale, double mean) {
    for (int t = 0; t < block.rows(); t++) {
      for (int i = 0; i < block.width(); i++) {
        set(t, i, mean + scale * random.nextGaussian());
      }
    }
    return this;
  }

  void set(int t, int i, double value) {
    Elements.store(block.type(), block.row(t), i, (float) value);
  }

  double get(int t, int i) {
    return Elements.load(block.type(), block.row(t), i);
  }

  double[][] values() {
    double[][] values = new double[block.rows()][block.width()];
    for (int t = 0; t < block.rows(); t++) {
      for (int i = 0; i < block.width(); i++) {
        values[t][i] = get(t, i);
      }
    }
    return values;
  }

  void copyFrom(TestRows other) {
    memory.copyFrom(other.memory);
  }

  /// Of all bytes.
  int bits() {
    int hash = 1;
    for (byte b : memory.toArray(ValueLayout.JAVA_BYTE)) {
      hash = 31 * hash + b;
    }
    return hash;
  }

  void assertUntouchedAround(String what) {
    boolean[] inside = new boolean[(int) memory.byteSize()];
    long bytes = block.type().bytes();
    for (int t = 0; t < block.rows(); t++) {
      long first = GUARD + t * block.stride() * bytes;
      java.util.Arrays.fill(inside, (int) first, (int) (first + block.width() * bytes), true);
    }
    for (int i = 0; i < inside.length; i++) {
      if (!inside[i] && memory.get(ValueLayout.JAVA_BYTE, i) != UNTOUCHED) {
        assertThat(i - GUARD).as("%s wrote outside its rows, at this byte", what).isNull();
      }
    }
  }
}
