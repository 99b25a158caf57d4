// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Several who evaluate together come to the results of one.
class SharedEvaluationTest {
  private static final Tokenizer BYTES = Tokenizers.of("bytes");

  @TempDir Path folder;

  /// One of several threads.
  private record Member(int rank, int groups, int parts, double[][] said, CyclicBarrier barrier)
      implements Sharing {
    @Override
    public Part part(int window) {
      int part = rank % parts;
      int first = window * part / parts;
      return new Part(first, window * (part + 1) / parts - first);
    }

    @Override
    public boolean takes(long turn) {
      return turn % groups == rank / parts;
    }

    @Override
    public boolean takesAlone(long turn) {
      return turn % (groups * parts) == rank;
    }

    @Override
    public double[] sums(double... own) {
      said[rank] = own;
      double[] sums = new double[own.length];
      try {
        barrier.await();
        for (double[] one : said) {
          for (int i = 0; i < sums.length; i++) {
            sums[i] += one[i];
          }
        }
        barrier.await();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
      return sums;
    }
  }

  /// A loss that depends on the id and on its place in the window.
  private record Pretended(Sharing sharing) implements Scorer {
    @Override
    public float[] losses(long[] windows, int batch, int tokens) {
      Sharing.Part part = sharing.part(tokens);
      int n = part.tokens();
      assertThat(windows).hasSize(batch * (n + 1));
      float[] losses = new float[batch * n];
      for (int i = 0; i < losses.length; i++) {
        long id = windows[i / n * (n + 1) + i % n + 1];
        losses[i] = (float) (id % 7 + 3 / (1.0 + part.first() + i % n));
      }
      return losses;
    }

    /// More than the tokenizer has.
    @Override
    public int vocabulary() {
      return 300;
    }

    @Override
    public Shared shared(long[] windows, int batch, int tokens, int[] ids) {
      float[] losses = losses(windows, batch, tokens);
      return new Shared(losses, 0.25 * losses.length);
    }
  }

  private TokenShards shards() throws IOException {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    Random random = new Random(3);
    for (int i = 0; i < 40; i++) {
      Files.writeString(
          corpus.resolve("d" + i + ".txt"), "document " + i + " word".repeat(random.nextInt(200)));
    }
    // One byte: a window of one token.
    Files.writeString(corpus.resolve("short.txt"), "x");
    CorpusConfig plain = CorpusConfig.of(List.of(corpus.toString()), "bytes");
    CorpusConfig half =
        new CorpusConfig(
            plain.sources(), "bytes", 0.5, plain.filter(), plain.duplicates(), plain.input());
    return Tokenization.prepare(half, folder.resolve("shards"), true, 1, TokenizationListener.NONE);
  }

  private static ObjectNode evaluate(TokenShards shards, Sharing sharing) {
    EvaluationPlan plan =
        new EvaluationPlan(
            List.of(7L, 300L, 1000L), 5000, new EvaluationPlan.CopyPlan(256, 4000, 4), 100, 6000);
    ObjectNode json =
        new Evaluator(new Pretended(sharing), BYTES)
            .run(shards.validation(), plan, new EvaluationListener() {})
            .toJson();
    json.get("lengths").forEach(row -> ((ObjectNode) row).remove("tokens_per_second"));
    return json;
  }

  @ParameterizedTest
  @CsvSource({"1,3", "4,1", "2,3", "1,9"})
  void allComeToTheResultsOfOne(int groups, int parts) throws Exception {
    int size = groups * parts;
    double[][] said = new double[size][];
    CyclicBarrier barrier = new CyclicBarrier(size);
    try (TokenShards shards = shards();
        ExecutorService threads = Executors.newFixedThreadPool(size)) {
      ObjectNode alone = evaluate(shards, Sharing.ALONE);
      assertThat(alone.at("/copy_probe/octaves")).isNotEmpty();
      List<Future<ObjectNode>> each = new ArrayList<>();
      for (int rank = 0; rank < size; rank++) {
        Member member = new Member(rank, groups, parts, said, barrier);
        each.add(threads.submit(() -> evaluate(shards, member)));
      }
      for (Future<ObjectNode> one : each) {
        // Sums of some thousand float64 numbers in another order.
        SameJson.require(one.get(), alone, 1e-10);
        assertThat(one.get()).isEqualTo(each.getFirst().get());
      }
    }
  }

  /// What one does not hold or take it does not read either.
  @Test
  void eachReadsItsPartAlone() throws Exception {
    long[] scored = {0};
    Sharing third =
        new Sharing() {
          @Override
          public Part part(int window) {
            return new Part(window / 3, window / 3);
          }

          @Override
          public boolean takes(long turn) {
            return turn % 2 == 1;
          }

          @Override
          public boolean takesAlone(long turn) {
            return false;
          }

          @Override
          public double[] sums(double... own) {
            return own;
          }
        };
    Scorer counting =
        new Scorer() {
          @Override
          public float[] losses(long[] windows, int batch, int tokens) {
            scored[0] += windows.length - batch;
            float[] losses = new float[windows.length - batch];
            Arrays.fill(losses, 1);
            return losses;
          }

          @Override
          public Sharing sharing() {
            return third;
          }
        };
    try (TokenShards shards = shards()) {
      Evaluation.AtLength at =
          new Evaluator(counting, BYTES).atLength(shards.validation(), 4500, 9000);
      assertThat(scored[0]).isEqualTo(1500);
      assertThat(at.nats()).isEqualTo(1.0 / 6);
    }
  }
}
