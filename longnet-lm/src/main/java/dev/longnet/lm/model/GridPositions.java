// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.EncoderConfig.InputPositions;
import java.util.Locale;

/// Prov-GigaPath's position embedding of a tile at pixel (a, b): half of the C values for its cell
/// b / tileSize, half for a / tileSize, each half the sines and then the cosines of the cell times
/// 10000^(-i / (C/4)).
final class GridPositions {
  private GridPositions() {}

  /// @param coordinates [n][2] pixels
  /// @return [n, C] row by row
  static float[] of(InputPositions.Grid grid, double[][] coordinates, int hidden) {
    int quarter = hidden / 4;
    float[] values = new float[Math.multiplyExact(coordinates.length, hidden)];
    double[] omega = new double[quarter];
    for (int i = 0; i < quarter; i++) {
      omega[i] = Math.pow(10000, -(double) i / quarter);
    }
    for (int row = 0; row < coordinates.length; row++) {
      for (int half = 0; half < 2; half++) {
        double cell = Math.floor(coordinates[row][1 - half] / grid.tileSize());
        if (!(cell >= 0 && cell < grid.cells())) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "coords must lie in [0, %d x %d) pixels: coords=%s",
                  grid.cells(),
                  grid.tileSize(),
                  coordinates[row][1 - half]));
        }
        int at = row * hidden + half * 2 * quarter;
        for (int i = 0; i < quarter; i++) {
          values[at + i] = (float) Math.sin(cell * omega[i]);
          values[at + quarter + i] = (float) Math.cos(cell * omega[i]);
        }
      }
    }
    return values;
  }
}
