// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.experiments.Statistics;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;

/// Times lanes in alternating rounds, with the machine's matrix-product rate beside them.
final class Rounds {
  /// Matrix products a round: the yardstick is their median.
  private static final int PRODUCTS = 5;

  private final BenchSettings settings;
  private final Consumer<String> progress;
  private final List<Double> products = new ArrayList<>();

  Rounds(BenchSettings settings, Consumer<String> progress) {
    this.settings = settings;
    this.progress = progress;
  }

  List<BenchResult> run(long tokens, List<Lane> lanes) {
    for (Lane lane : lanes) {
      // The lane after a product is the same code as the one without.
      if (!lane.afterProduct) {
        progress.accept("N = " + tokens + ": warming up " + lane.name);
        lane.warmUp();
      }
    }
    try (MatrixProduct product = new MatrixProduct(settings)) {
      for (int i = 0; i < PRODUCTS; i++) {
        product.time();
      }
      for (int round = 0; round < settings.rounds(); round++) {
        progress.accept("N = " + tokens + ": round " + (round + 1) + " of " + settings.rounds());
        rest();
        for (int i = 0; i < PRODUCTS; i++) {
          products.add(product.time());
        }
        for (int i = 0; i < lanes.size(); i++) {
          // Another one begins every round.
          Lane lane = lanes.get((i + round) % lanes.size());
          if (lane.hasTime()) {
            rest();
            if (lane.afterProduct) {
              products.add(product.time());
            }
            lane.sample();
          }
        }
      }
    }
    return lanes.stream().map(lane -> lane.result(tokens)).toList();
  }

  /// The matrix product's rate in all rounds so far, 10^9 operations a second.
  double matrixGigaflops() {
    return MatrixProduct.flops(settings) / Statistics.median(products) / 1e9;
  }

  /// Lets the pools that the previous lane left spinning fall asleep.
  private static void rest() {
    try {
      Thread.sleep(60);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the benchmark was interrupted");
    }
  }
}
