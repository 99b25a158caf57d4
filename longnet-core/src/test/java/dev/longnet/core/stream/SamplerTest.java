// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {

  @Test
  void greedyTakesTheLikeliestAndOfEqualOnesTheFirst() {
    assertThat(Sampler.greedy().next(new float[] {-3, 2, 5, 5})).isEqualTo(2);
    assertThat(Sampler.of(0, 0, 1, 7).next(new float[] {-3, 2, 5, 5})).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.5, 1, 2})
  void drawsFollowTheSoftmax(double temperature) {
    float[] logits = {1, 0, -1, 2, Float.NEGATIVE_INFINITY};
    int draws = 200_000;
    double[] counts = new double[logits.length];
    Sampler sampler = Sampler.of(temperature, 0, 1, 11);
    for (int i = 0; i < draws; i++) {
      counts[sampler.next(logits)]++;
    }
    double[] expected = softmax(logits, temperature);
    for (int id = 0; id < logits.length; id++) {
      double sigma = Math.sqrt(expected[id] * (1 - expected[id]) / draws);
      assertThat(counts[id] / draws)
          .as("id %d", id)
          .isCloseTo(expected[id], within(5 * sigma + 1e-12));
    }
  }

  /// Against the definition, written the slow way: which ids can appear, over random vocabularies.
  @ParameterizedTest
  @CsvSource({
    "1,1", "3,1", "1000,1", "0,0.1", "0,0.5", "0,0.9", "0,0.999", "5,0.5", "5,0.9", "40,0.95"
  })
  void keepsExactlyTheLikeliest(int topK, double topP) {
    for (long seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      float[] logits = new float[1 + random.nextInt(60)];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) (3 * random.nextGaussian());
      }
      Set<Integer> allowed = allowed(logits, 1.3, topK, topP);
      Sampler sampler = Sampler.of(1.3, topK, topP, seed);
      Set<Integer> seen = new HashSet<>();
      for (int i = 0; i < 3000; i++) {
        seen.add(sampler.next(logits));
      }
      assertThat(allowed).as("seed %d", seed).containsAll(seen);
      double[] p = softmax(logits, 1.3);
      allowed.stream().filter(id -> p[id] > 0.02).forEach(id -> assertThat(seen).contains(id));
    }
  }

  @Test
  void theSameSeedGivesTheSameTokens() {
    float[] logits = new float[1000];
    Random random = new Random(3);
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) random.nextGaussian();
    }
    Sampler a = Sampler.of(1, 0, 0.95, 42);
    Sampler b = Sampler.of(1, 0, 0.95, 42);
    Sampler c = Sampler.of(1, 0, 0.95, 43);
    List<Integer> first = draw(a, logits);
    assertThat(draw(b, logits)).isEqualTo(first);
    assertThat(draw(c, logits)).isNotEqualTo(first);
  }

  @Test
  void refusesWhatIsNoSetting() {
    assertThatThrownBy(() -> Sampler.of(-1, 0, 1, 0)).hasMessageContaining("temperature=-1.0");
    assertThatThrownBy(() -> Sampler.of(Double.NaN, 0, 1, 0))
        .hasMessageContaining("temperature=NaN");
    assertThatThrownBy(() -> Sampler.of(1, -1, 1, 0)).hasMessageContaining("top-k=-1");
    assertThatThrownBy(() -> Sampler.of(1, 0, 0, 0)).hasMessageContaining("top-p=0.0");
    assertThatThrownBy(() -> Sampler.of(1, 0, 1.5, 0)).hasMessageContaining("top-p=1.5");
    assertThatThrownBy(() -> Sampler.of(1, 0, 1, 0).next(new float[] {0, Float.NaN}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("logits[1]=NaN");
  }

  private static List<Integer> draw(Sampler sampler, float[] logits) {
    return IntStream.range(0, 50).mapToObj(i -> sampler.next(logits)).toList();
  }

  private static Set<Integer> allowed(float[] logits, double temperature, int topK, double topP) {
    Integer[] order = IntStream.range(0, logits.length).boxed().toArray(Integer[]::new);
    Arrays.sort(order, Comparator.comparing((Integer id) -> -logits[id]).thenComparing(id -> id));
    int kept = topK == 0 ? order.length : Math.min(topK, order.length);
    double[] p = softmax(logits, temperature);
    double sum = 0;
    for (int i = 0; i < kept; i++) {
      sum += p[order[i]];
    }
    Set<Integer> allowed = new HashSet<>();
    double reached = 0;
    for (int i = 0; i < kept && reached < topP * sum; i++) {
      allowed.add(order[i]);
      reached += p[order[i]];
    }
    return allowed;
  }

  private static double[] softmax(float[] logits, double temperature) {
    double sum = 0;
    double[] p = new double[logits.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = Math.exp(logits[i] / temperature);
      sum += p[i];
    }
    for (int i = 0; i < p.length; i++) {
      p[i] /= sum;
    }
    return p;
  }
}
