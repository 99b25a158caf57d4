// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.PackedMatrix;
import dev.longnet.core.stream.kernel.Products;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;

/// Scores rows of normalised hidden states [rows, C] on one thread. Logits of a block of rows exist
/// for a piece of the vocabulary at a time.
final class Scoring {
  private static final int VOCABULARY_PIECE = 1024;
  private static final int[] NO_IDS = {};

  private final PackedMatrix output;
  private final Kernels kernels;
  private final long productScratch;
  private final NativeFloats logits;

  /// Panels of a piece, and its outputs.
  private final int panels;

  private final int width;

  /// @param output [V, C]
  /// @param blockRows rows at most
  Scoring(PackedMatrix output, Products.Alone products, int blockRows, NativeMemory memory) {
    this.output = output;
    this.kernels = products.kernels();
    this.productScratch = products.scratch().address();
    this.panels = Math.max(1, VOCABULARY_PIECE / kernels.panelWidth());
    this.width = panels * kernels.panelWidth();
    this.logits = memory.floats((long) blockRows * (VOCABULARY_PIECE + kernels.panelWidth()));
  }

  /// Computes the logits of a piece, rows `width` apart.
  ///
  /// @param panel the piece's first
  private void piece(long x, int rows, int panel) {
    kernels.product(
        x,
        output.in(),
        rows,
        output,
        panel,
        Math.min(output.panels(), panel + panels),
        // The product addresses output 0, which lies before the piece.
        logits.address() - 4L * panel * kernels.panelWidth(),
        width,
        productScratch);
  }

  /// Outputs of the piece that begins at output `start`.
  private int count(int start) {
    return Math.min(output.out() - start, width);
  }

  /// `losses[at + i]` = -log p(targets[from + i] | row i).
  ///
  /// @param x address of the rows
  /// @param shares `of[at + i]` likewise
  void losses(
      long x,
      int rows,
      int[] targets,
      int from,
      float[] losses,
      Optional<ReadOptions.Shares> shares,
      int at) {
    int[] ids = shares.map(ReadOptions.Shares::ids).orElse(NO_IDS);
    if (rows <= 0) {
      return;
    }
    double[] sums = new double[rows];
    double[] largest = new double[rows];
    float[] chosen = new float[rows];
    float[] wanted = new float[Math.max(0, rows) * ids.length];
    Arrays.fill(largest, Double.NEGATIVE_INFINITY);
    for (int panel = 0; panel < output.panels(); panel += panels) {
      int start = panel * kernels.panelWidth();
      int count = count(start);
      piece(x, rows, panel);
      for (int row = 0; row < rows; row++) {
        double piece = kernels.logSumExp(logits.address() + 4L * row * width, count);
        double m = Math.max(largest[row], piece);
        sums[row] = sums[row] * Math.exp(largest[row] - m) + Math.exp(piece - m);
        largest[row] = m;
        int target = targets[from + row] - start;
        if (target >= 0 && target < count) {
          chosen[row] = logits.get((long) row * width + target);
        }
        for (int i = 0; i < ids.length; i++) {
          if (ids[i] >= start && ids[i] < start + count) {
            wanted[row * ids.length + i] = logits.get((long) row * width + ids[i] - start);
          }
        }
      }
    }
    for (int row = 0; row < rows; row++) {
      losses[at + row] = (float) (largest[row] + Math.log(sums[row]) - chosen[row]);
      double share = 0;
      for (int i = 0; i < ids.length; i++) {
        share += Math.exp(wanted[row * ids.length + i] - largest[row]) / sums[row];
      }
      if (shares.isPresent()) {
        shares.get().of()[at + row] = (float) share;
      }
    }
  }

  /// Row `at + i` of `to` [rows, V] gets row i's scores.
  ///
  /// @param x address of the rows
  void logits(long x, int rows, MemorySegment to, int at) {
    for (int panel = 0; panel < output.panels(); panel += panels) {
      int start = panel * kernels.panelWidth();
      piece(x, rows, panel);
      for (int row = 0; row < rows; row++) {
        MemorySegment.copy(
            logits.segment(),
            ValueLayout.JAVA_FLOAT,
            4L * row * width,
            to,
            ValueLayout.JAVA_FLOAT_UNALIGNED,
            4 * ((long) (at + row) * output.out() + start),
            count(start));
      }
    }
  }
}
