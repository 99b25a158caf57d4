// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InductionHeadsTest {
  private static final int HIDDEN = 64;
  private static final int HEADS = 2;
  private static final int HEAD = HIDDEN / HEADS;

  private Parameters parameters;

  @AfterEach
  void free() {
    parameters.close();
  }

  private ModelConfig model(int taps, int heads, long seed) {
    ModelConfig model =
        new ModelConfig(
            64,
            2,
            HIDDEN,
            HEADS,
            HIDDEN,
            Activation.GELU,
            PositionEncoding.NONE,
            10_000,
            1,
            0,
            0,
            512,
            true,
            true,
            taps,
            List.of(new AttentionConfig.Dense()));
    Blueprint blueprint = Blueprint.of(model);
    parameters = Parameters.allocate(blueprint, "cpu");
    Initialization.fill(parameters, blueprint, seed);
    InductionHeads.plant(parameters, model, heads);
    return model;
  }

  private float[] values(String name) {
    Tensor tensor = parameters.value(name);
    float[] values = new float[(int) tensor.numel()];
    tensor.data_ptr_float().get(values);
    return values;
  }

  /// Projected and convolved rows [N, C] of random token vectors of unit variance.
  private double[][] rows(String part, int layer, double[][] tokens, int[] text) {
    String prefix = Blueprint.mixerPrefix(layer) + part;
    float[] weight = values(prefix + "_proj.weight");
    float[] bias = values(prefix + "_proj.bias");
    float[] taps = values(prefix + "_conv.weight");
    int count = taps.length / HIDDEN;
    double[][] projected = new double[text.length][HIDDEN];
    double[][] result = new double[text.length][HIDDEN];
    for (int n = 0; n < text.length; n++) {
      for (int c = 0; c < HIDDEN; c++) {
        projected[n][c] = bias[c];
        for (int i = 0; i < HIDDEN; i++) {
          projected[n][c] += weight[c * HIDDEN + i] * tokens[text[n]][i];
        }
        for (int lag = 0; lag < count && lag <= n; lag++) {
          result[n][c] += taps[c * count + count - 1 - lag] * projected[n - lag][c];
        }
      }
    }
    return result;
  }

  private static double[][] tokens(Random random) {
    double[][] tokens = new double[64][HIDDEN];
    for (double[] token : tokens) {
      for (int i = 0; i < HIDDEN; i++) {
        token[i] = random.nextGaussian();
      }
    }
    return tokens;
  }

  /// How many of the `most` tokens up to n agree with those up to the one before m.
  private static int agreeing(int[] text, int n, int m, int most) {
    int agreeing = 0;
    for (int lag = 0; lag < most && lag < m; lag++) {
      agreeing += text[n - lag] == text[m - 1 - lag] ? 1 : 0;
    }
    return agreeing;
  }

  @ParameterizedTest
  @CsvSource({"2, 1", "3, 2", "4, 3", "5, 4"})
  void aScoreCountsTheTokensThatAgreeWithThoseBeforeTheKey(int taps, int compared) {
    Random random = new Random(taps);
    ModelConfig model = model(taps, 1, 7);
    double[][] tokens = tokens(random);
    // Few different tokens, so that many pairs agree.
    int[] text = random.ints(120, 0, 4).toArray();
    for (int layer = 0; layer < model.layers(); layer++) {
      double[][] queries = rows("q", layer, tokens, text);
      double[][] keys = rows("k", layer, tokens, text);
      Map<Integer, double[]> sums = new TreeMap<>();
      for (int n = taps; n < text.length; n++) {
        for (int m = taps; m <= n; m++) {
          double score = 0;
          for (int c = 0; c < HEAD; c++) {
            score += queries[n][c] * keys[m][c];
          }
          double[] sum = sums.computeIfAbsent(agreeing(text, n, m, compared), _ -> new double[2]);
          sum[0] += score / Math.sqrt(HEAD);
          sum[1]++;
        }
      }
      double before = Double.NEGATIVE_INFINITY;
      for (double[] sum : sums.values()) {
        assertThat(sum[0] / sum[1]).isGreaterThan(before + 4.5 / compared);
        before = sum[0] / sum[1];
      }
      assertThat(sums).hasSize(compared + 1);
    }
  }

  @Test
  void otherHeadsAndZeroHeadsStayAsDrawn() {
    model(0, 0, 3);
    parameters.close();
    model(4, 0, 3);
    Map<String, float[]> drawn = new TreeMap<>();
    parameters.values().keySet().forEach(name -> drawn.put(name, values(name)));
    parameters.close();
    model(4, 1, 3);
    drawn.forEach((name, before) -> {
      boolean planted = name.matches(".*\\.[qk]_(proj|conv)\\..*");
      float[] after = values(name);
      int rows = planted ? HEAD * (before.length / HIDDEN) : 0;
      for (int i = 0; i < before.length; i++) {
        if (i >= rows) {
          assertThat(after[i]).as(name).isEqualTo(before[i]);
        }
      }
      if (planted) {
        assertThat(after).as(name).isNotEqualTo(before);
      }
    });
  }
}
