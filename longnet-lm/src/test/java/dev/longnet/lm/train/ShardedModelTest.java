// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.lm.attention.JavaAttentionOperator;
import dev.longnet.lm.attention.SequenceParallelAttention;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.ThreadCollectives;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.model.SequenceShards;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// One model on several ranks, each with a part of every window, is the model on one: every loss
/// and every gradient.
class ShardedModelTest {
  @BeforeAll
  static void load() {
    Torch.load();
  }

  private static ModelConfig config(int convolution) {
    ModelConfig config =
        new ModelConfig(
            29,
            2,
            24,
            3,
            40,
            PositionEncoding.XPOS,
            false,
            true,
            new AttentionConfig.Dilated(
                List.of(new Branch(8, 1), new Branch(24, 3)), HeadOffsets.INTERLEAVED));
    return convolution == 0 ? config : config.withShortConvolution(convolution);
  }

  /// @param losses of each sequence and token of the part
  /// @param gradients of the sum of its losses
  private record Passed(float[] losses, double sum, Map<String, float[]> gradients) {}

  private static Passed pass(
      ModelConfig config, long[] ids, int window, SequenceShards shards, boolean gathered) {
    AttentionOperator.Factory operators =
        (attention, causal) -> {
          DilatedAttention attends =
              DilatedAttention.of(
                  attention.pattern(causal), AttentionOptions.defaults().withThreads(1));
          AttentionOperator whole = new JavaAttentionOperator(attends, GradientMode.EXACT);
          return shards.shards() == 1
              ? whole
              : gathered
                  ? new GatheredAttention(whole, shards)
                  : new SequenceParallelAttention(attends, shards);
        };
    ModelOptions options = ModelOptions.cpu().withChunks(5, 7);
    try (PointerScope _ = new PointerScope();
        Decoder decoder = Decoder.create(config, options, operators, 7, shards, null)) {
      Span span = shards.span(window);
      Tensor all = torch.zeros(2, window + 1).to(ScalarType.Long);
      all.data_ptr_long().put(ids, 0, ids.length);
      Tensor own = all.narrow(1, span.first(), span.tokens() + 1).contiguous();
      float[] losses =
          TensorMemory.of(decoder.losses(own, span).contiguous()).toArray(ValueLayout.JAVA_FLOAT);
      decoder.zeroGradients();
      double sum = decoder.lossAndGradients(own, span, 1);
      Map<String, float[]> gradients = new LinkedHashMap<>();
      decoder
          .gradients()
          .forEach((name, gradient) ->
              gradients.put(name, TensorMemory.of(gradient).toArray(ValueLayout.JAVA_FLOAT)));
      return new Passed(losses, sum, gradients);
    }
  }

  @ParameterizedTest
  @CsvSource({"50,2,0", "50,3,4", "50,4,2", "9,4,4", "7,7,4", "3,5,4", "2,4,3", "1,3,4"})
  void lossesAndGradientsAddUpToThoseOfOneRank(int window, int ranks, int convolution)
      throws Exception {
    check(window, ranks, convolution, false);
  }

  /// Of the parts around attention alone.
  @ParameterizedTest
  @CsvSource({"50,3,4", "3,5,4"})
  void soTheyDoWhereEveryRankHasAllRowsForAttention(int window, int ranks, int convolution)
      throws Exception {
    check(window, ranks, convolution, true);
  }

  private static void check(int window, int ranks, int convolution, boolean gathered)
      throws Exception {
    ModelConfig config = config(convolution);
    long[] ids = new Random(3).longs(2 * (window + 1L), 0, 29).toArray();
    Passed whole = pass(config, ids, window, SequenceShards.one(), false);
    List<Collectives> world = ThreadCollectives.of(ranks);
    List<Passed> parts = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(ranks)) {
      List<Future<Passed>> running = new ArrayList<>();
      for (Collectives rank : world) {
        SequenceShards shards = new SequenceShards(rank.rank(), ranks, rank);
        running.add(
            threads.submit(() -> {
              try {
                return pass(config, ids, window, shards, gathered);
              } catch (Throwable e) {
                rank.abort(FieldMessage.of(e));
                throw e;
              }
            }));
      }
      for (Future<Passed> one : running) {
        parts.add(one.get(1, TimeUnit.MINUTES));
      }
    }
    double sum = 0;
    for (int rank = 0; rank < ranks; rank++) {
      Span span = new SequenceShards(rank, ranks, world.get(rank)).span(window);
      sum += parts.get(rank).sum;
      for (int sequence = 0; sequence < 2; sequence++) {
        for (int i = 0; i < span.tokens(); i++) {
          assertThat(parts.get(rank).losses[(int) (sequence * span.tokens() + i)])
              .as("sequence %d, token %d", sequence, span.first() + i)
              .isCloseTo(whole.losses[(int) (sequence * window + span.first() + i)], within(1e-5f));
        }
      }
    }
    assertThat(sum).isCloseTo(whole.sum, within(1e-6 * whole.sum));
    whole.gradients.forEach((name, expected) -> {
      double difference = 0;
      for (int i = 0; i < expected.length; i++) {
        double own = 0;
        for (Passed part : parts) {
          own += part.gradients.get(name)[i];
        }
        difference += (own - expected[i]) * (own - expected[i]);
      }
      // Keys' biases move no score: their gradients are rounding errors of the weights'.
      double norm = norm(whole.gradients.get(name.replace("k_proj.bias", "k_proj.weight")));
      assertThat(Math.sqrt(difference)).as(name).isLessThanOrEqualTo(3e-6 * norm);
    });
  }

  private static double norm(float[] values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares);
  }
}
