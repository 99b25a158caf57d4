// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.model.Span;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Two ranks in two threads of this process, which wait for each other at each sum. Both train on
/// whole windows; the first one writes.
final class TwoRanks {
  private final CyclicBarrier barrier = new CyclicBarrier(2);
  private final double[] numbers = new double[2];
  private final List<List<Tensor>> gradients = new ArrayList<>(List.of(List.of(), List.of()));

  /// How a rank's run ended, and the losses of its steps.
  record Ended(Trainer.End end, List<Double> losses) {}

  /// Opens a rank's run.
  interface Opening {
    TinyRun open(Ranks rank) throws IOException;
  }

  /// Is called when a rank's step is about to end.
  interface StepEnd {
    void of(int rank, long step, TinyRun run);
  }

  List<Ended> train(Opening opening, StepEnd stepEnd) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Future<Ended>> ranks = new ArrayList<>();
      for (int rank = 0; rank < 2; rank++) {
        Rank one = new Rank(rank, stepEnd);
        ranks.add(
            threads.submit(() -> {
              try (TinyRun run = opening.open(one)) {
                one.run = run;
                return new Ended(run.run(), run.losses());
              }
            }));
      }
      return List.of(ranks.get(0).get(), ranks.get(1).get());
    }
  }

  private void await() {
    try {
      barrier.await(1, TimeUnit.MINUTES);
    } catch (Exception e) {
      throw new IllegalStateException("the other rank is not there", e);
    }
  }

  private final class Rank implements Ranks {
    private final int index;
    private final StepEnd stepEnd;
    private TinyRun run;
    private long steps;

    Rank(int index, StepEnd stepEnd) {
      this.index = index;
      this.stepEnd = stepEnd;
    }

    @Override
    public Span span(long window) {
      return Span.whole(window);
    }

    @Override
    public void sum(Collection<Tensor> ofThisRank) {
      gradients.set(index, List.copyOf(ofThisRank));
      await();
      if (index == 0) {
        try (PointerScope scope = new PointerScope()) {
          Iterator<Tensor> others = gradients.get(1).iterator();
          for (Tensor sum : gradients.get(0)) {
            Tensor other = others.next();
            sum.add_(other);
            other.copy_(sum);
          }
        }
      }
      await();
      stepEnd.of(index, ++steps, run);
    }

    @Override
    public double sum(double ofThisRank) {
      numbers[index] = ofThisRank;
      await();
      double sum = numbers[0] + numbers[1];
      await();
      return sum;
    }

    @Override
    public boolean writes() {
      return index == 0;
    }
  }
}
