// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.TokenStream;
import dev.longnet.core.evaluate.EvaluationPlan.CopyPlan;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;

class CopyProbeTest {
  private static final int VOCABULARY = 4096;
  private static final double ALL_BITS = 12;

  /// No four of them in a row are likely to come again.
  private static final TokenStream TEXT =
      TokenStream.of(new Random(5).ints(40_000, 0, VOCABULARY).toArray());

  /// Knows a token where the three before it stood earlier at a distance that it sees, and guesses
  /// any other.
  private static Scorer copier(IntPredicate sees) {
    return (windows, batch, tokens) -> {
      float[] losses = new float[batch * tokens];
      Arrays.fill(losses, (float) Math.log(VOCABULARY));
      for (int row = 0; row < batch; row++) {
        int start = row * (tokens + 1);
        for (int at = 3; at <= tokens; at++) {
          for (int distance = 1; at - 3 - distance >= 0; distance++) {
            int here = start + at - 3;
            if (sees.test(distance)
                && Arrays.equals(
                    windows, here, here + 4, windows, here - distance, here - distance + 4)) {
              losses[row * tokens + at - 1] = 0;
            }
          }
        }
      }
      return losses;
    };
  }

  private static Copies probe(Scorer scorer, int window, long tokens, int dilation) {
    return new CopyProbe(scorer, TEXT, new CopyPlan(window, tokens, dilation)).run().orElseThrow();
  }

  @Test
  void anExactCopierSavesEverythingAtEveryDistance() {
    Copies found = probe(copier(_ -> true), 512, 30_000, 4);
    assertThat(found.octaves())
        .extracting(at -> at.distance().toString())
        .containsExactly("32-63", "64-127", "128-255", "256-480");
    assertThat(found.octaves())
        .allSatisfy(at -> {
          assertThat(at.gain().bits()).isCloseTo(ALL_BITS, within(1e-3));
          assertThat(at.without()).isCloseTo(ALL_BITS, within(1e-3));
          assertThat(at.gain().spans()).isGreaterThan(10);
          assertThat(at.residues())
              .hasSize(4)
              .allSatisfy(gain -> {
                assertThat(gain.bits()).isCloseTo(ALL_BITS, within(1e-3));
                assertThat(gain.spans()).isGreaterThan(1);
              });
        });
    assertThat(found.reach()).isEqualTo(OptionalLong.of(480));
    assertThat(found).asString().startsWith("copies are found up to 480 tokens back: ");
    assertThat(found.tokens()).isBetween(29_000L, 30_000L);
  }

  @Test
  void whoSeesFewTokensGainsNothingBeyond() {
    Copies found = probe(copier(distance -> distance < 128), 512, 30_000, 4);
    for (Copies.AtDistance at : found.octaves()) {
      double expected = at.distance().to() < 128 ? ALL_BITS : 0;
      assertThat(at.gain().bits()).as(at.toString()).isCloseTo(expected, within(1e-3));
      assertThat(at.residues())
          .allSatisfy(gain -> assertThat(gain.bits()).isCloseTo(expected, within(1e-3)));
    }
    assertThat(found.reach()).isEqualTo(OptionalLong.of(127));
  }

  @Test
  void residueClassesAreToldApart() {
    Copies found = probe(copier(distance -> distance % 4 == 1), 512, 20_000, 4);
    for (Copies.AtDistance at : found.octaves()) {
      assertThat(at.residues().get(1).bits()).isCloseTo(ALL_BITS, within(1e-3));
      for (int residue : new int[] {0, 2, 3}) {
        assertThat(at.residues().get(residue).bits()).isCloseTo(0, within(1e-3));
      }
    }
  }

  @Test
  void whoSeesNothingIsSaidToSeeNothing() {
    Copies blind = probe(copier(_ -> false), 256, 20_000, 1);
    assertThat(blind.reach()).isEmpty();
    assertThat(blind).asString().startsWith("copies are not found at any distance: ");
    assertThat(blind.octaves()).allSatisfy(at -> assertThat(at.residues()).isEmpty());
  }

  /// Chance moves a loss that has nothing to do with what was read, and changes no verdict.
  @Test
  void noiseIsNoGain() {
    Random random = new Random(9);
    Scorer noisy =
        (_, batch, tokens) -> {
          float[] losses = new float[batch * tokens];
          for (int i = 0; i < losses.length; i++) {
            losses[i] = (float) random.nextGaussian(3, 2);
          }
          return losses;
        };
    Copies found = probe(noisy, 2048, 70_000, 1);
    assertThat(found.octaves())
        .allSatisfy(at -> assertThat(at.gain().error()).isBetween(0.05, 0.5));
    assertThat(found.reach()).isEmpty();
  }

  @Test
  void aSeedRepeatsIt() {
    Scorer copier = copier(distance -> distance < 200);
    CopyPlan plan = new CopyPlan(256, 10_000, 3, 7);
    Copies once = new CopyProbe(copier, TEXT, plan).run().orElseThrow();
    assertThat(new CopyProbe(copier, TEXT, plan).run()).contains(once);
    assertThat(new CopyProbe(copier, TEXT, new CopyPlan(256, 10_000, 3, 8)).run())
        .isNotEqualTo(java.util.Optional.of(once));
  }

  @Test
  void tokensBoundTheWindowAndTheWork() {
    long[] scored = {0};
    Scorer counting =
        (_, batch, tokens) -> {
          scored[0] += (long) batch * tokens;
          return new float[batch * tokens];
        };
    CopyProbe none = new CopyProbe(counting, TEXT, new CopyPlan(1024, 0, 1));
    assertThat(none.run()).isEmpty();
    assertThat(new CopyProbe(counting, TEXT, new CopyPlan(63, 10_000, 1)).run()).isEmpty();
    assertThat(scored[0]).isZero();
    assertThat(probe(counting, 1 << 20, 1000, 1).window()).isEqualTo(500);
    assertThat(scored[0]).isEqualTo(1000);
    TokenStream few = TokenStream.of(new int[101]);
    Copies small = new CopyProbe(counting, few, new CopyPlan(64, 1 << 20, 1)).run().orElseThrow();
    assertThat(small.tokens()).as("each part of the text about once").isEqualTo(128);
  }

  @Test
  void jsonSaysAllOfIt() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    probe(copier(distance -> distance < 64), 128, 20_000, 2).write(json);
    assertThat(json.path("reach").asInt()).isEqualTo(63);
    assertThat(json.path("window").asInt()).isEqualTo(128);
    assertThat(json.path("dilation").asInt()).isEqualTo(2);
    assertThat(json.path("octaves")).hasSize(2);
    assertThat(json.at("/octaves/0/gain").asDouble()).isCloseTo(ALL_BITS, within(1e-3));
    assertThat(json.at("/octaves/1/residues/1/gain").asDouble()).isZero();
    assertThat(json.at("/octaves/0/standard_error").isNumber()).isTrue();
  }

  @Test
  void aGainMustBeClear() {
    assertThat(new Copies.Gain(100, 0.5, 0.1).clear()).isTrue();
    assertThat(new Copies.Gain(100, 0.5, 0.2).clear()).as("within the error").isFalse();
    assertThat(new Copies.Gain(5, 0.5, 0.01).clear()).as("of few spans").isFalse();
    assertThat(new Copies.Gain(100, 0.05, 1e-4).clear()).as("of no use").isFalse();
    assertThat(new Copies.Gain(0, Double.NaN, Double.NaN).clear()).isFalse();
    assertThat(List.of(Octave.upTo(0, 64, 63), Octave.upTo(0, 64, 64)))
        .containsExactly(
            List.of(new Octave(0, 63)), List.of(new Octave(0, 63), new Octave(64, 64)));
  }
}
