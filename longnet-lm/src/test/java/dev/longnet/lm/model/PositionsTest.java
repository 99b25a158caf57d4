// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.lm.torch.Torch;
import java.util.List;
import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PositionsTest {
  private static final int HEAD_SIZE = 16;
  private static final Rowwise ROWWISE = new TorchRowwise();

  @BeforeAll
  static void load() {
    Torch.load();
  }

  private static Positions positions(ModelConfig config, long longest, String device) {
    return Positions.of(config, config.mixer(0), longest, device);
  }

  private static ModelConfig config(
      PositionEncoding positions, int base, boolean causal, AttentionConfig attention) {
    return new ModelConfig(
        10, 1, HEAD_SIZE, 1, 8, Activation.GELU, positions, base, true, causal, List.of(attention));
  }

  private static AttentionConfig segments(long... lengths) {
    return new AttentionConfig.Dilated(
        java.util.Arrays.stream(lengths).mapToObj(w -> new Branch(w, 1)).toList(),
        HeadOffsets.INTERLEAVED);
  }

  /// The score of ones at positions p and k, by the formula in float64.
  private static double score(PositionEncoding positions, double base, long difference) {
    return score(positions, 10_000, HEAD_SIZE, base, difference);
  }

  /// @param turned R
  private static double score(
      PositionEncoding positions, double thetaBase, int turned, double base, long difference) {
    double sum = HEAD_SIZE - turned;
    for (int i = 0; i < turned / 2; i++) {
      double theta = Math.pow(thetaBase, -2.0 * i / turned);
      double zeta = (2 * i + 0.4 * turned) / (1.4 * turned);
      double decay = positions == PositionEncoding.XPOS ? Math.pow(zeta, difference / base) : 1;
      sum += 2 * Math.cos(difference * theta) * decay;
    }
    return sum;
  }

  private static double score(Positions positions, long query, long key) {
    try (PointerScope _ = new PointerScope()) {
      Tensor q = torch.ones(1, HEAD_SIZE);
      Tensor k = torch.ones(1, HEAD_SIZE);
      ROWWISE.rotate(q, null, positions.queries(query, 1));
      ROWWISE.rotate(k, null, positions.keys(key, 1));
      return q.mul(k).sum().item_double();
    }
  }

  /// Scores depend on the difference alone, at the start of a stream and a billion tokens later.
  @ParameterizedTest
  @CsvSource({"XPOS,0", "XPOS,1048576", "XPOS,1099511627776", "ROPE,0", "ROPE,1099511627776"})
  void scoresAreTheFormulas(PositionEncoding encoding, long start) {
    ModelConfig config = config(encoding, 512, true, segments(2048, 4096, 32768));
    try (Positions positions = positions(config, Long.MAX_VALUE, "cpu")) {
      for (long query : new long[] {0, 1, 2047, 4096, 16384, 32767}) {
        for (long back : new long[] {0, 1, 100, 2000, 30000}) {
          if (back <= query) {
            assertThat(score(positions, start + query, start + query - back))
                .as("%d - %d", query, back)
                .isCloseTo(score(encoding, 512, back), Offset.offset(2e-5));
          }
        }
      }
    }
  }

  /// Channels beyond the share carry no position: each adds 1 to a score of ones.
  @ParameterizedTest
  @CsvSource({"XPOS,500000,1", "ROPE,500000,1", "XPOS,10000,0.5", "ROPE,100,0.125", "ROPE,77,0.75"})
  void baseAndShareAreTheFormulas(PositionEncoding encoding, int base, double share) {
    ModelConfig config =
        config(encoding, 512, true, segments(2048, 32768)).withPositions(base, share);
    int turned = (int) (share * HEAD_SIZE);
    try (Positions positions = positions(config, Long.MAX_VALUE, "cpu")) {
      for (long back : new long[] {0, 1, 100, 2000, 30000}) {
        assertThat(score(positions, 32767, 32767 - back))
            .as("%d back", back)
            .isCloseTo(score(encoding, base, turned, 512, back), Offset.offset(2e-5));
      }
    }
  }

  /// Heads without positions: their queries grow with the keys that the longest segment has shown,
  /// their keys stay, and the others' are as without.
  @ParameterizedTest
  @CsvSource({"ROPE,0", "XPOS,0", "ROPE,1048576", "XPOS,1048576"})
  void queriesWithoutPositionsGrowWithTheKeysShown(PositionEncoding encoding, long start) {
    ModelConfig plain =
        new ModelConfig(10, 1, 2 * HEAD_SIZE, 2, 8, encoding, true, true, segments(64, 256))
            .withNopeHeads(1, 0);
    ModelConfig scaled = plain.withNopeHeads(1, 512);
    try (Positions without = positions(plain, Long.MAX_VALUE, "cpu");
        Positions with = positions(scaled, Long.MAX_VALUE, "cpu");
        PointerScope _ = new PointerScope()) {
      for (long at : new long[] {0, 1, 100, 255, 256, 300}) {
        double factor = Math.log(at % 256 + 2) / Math.log(512);
        assertThat(row(with.queries(start + at, 1)).narrow(1, 0, HEAD_SIZE).mean().item_double())
            .isCloseTo(factor, Offset.offset(1e-7));
        assertThat(row(with.keys(start + at, 1)).equal(row(without.keys(start + at, 1)))).isTrue();
        assertThat(
                row(with.queries(start + at, 1))
                    .narrow(1, HEAD_SIZE, HEAD_SIZE)
                    .equal(row(without.queries(start + at, 1)).narrow(1, HEAD_SIZE, HEAD_SIZE)))
            .isTrue();
      }
    }
  }

  /// Ones, by the factors.
  private static Tensor row(Tensor factors) {
    Tensor ones = torch.ones(1, 2 * HEAD_SIZE);
    Tensor turned = ones.clone();
    // Pairs (1, 0): what is real stays, so that a real factor is seen as it is.
    for (int i = 1; i < 2 * HEAD_SIZE; i += 2) {
      turned.narrow(1, i, 1).zero_();
    }
    ROWWISE.rotate(turned, null, factors);
    return turned.mul(new org.bytedeco.pytorch.Scalar(2));
  }

  @Test
  void anglesAreExactFarOut() {
    ModelConfig config = config(PositionEncoding.ROPE, 512, true, new AttentionConfig.Dense());
    try (Positions positions = positions(config, Long.MAX_VALUE, "cpu")) {
      long far = 1_000_000_007L;
      assertThat(score(positions, far, far - 12345))
          .isCloseTo(score(PositionEncoding.ROPE, 512, 12345), Offset.offset(2e-5));
    }
  }

  /// At the largest span that is not refused every factor is finite, and the base the refusal names
  /// is enough.
  @Test
  void refusesWhatWouldOverflowAndNamesTheRemedy() {
    AttentionConfig dense = new AttentionConfig.Dense();
    assertThatThrownBy(
            () -> positions(config(PositionEncoding.XPOS, 512, true, dense), 1 << 20, "cpu"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "xpos_scale_base=512 overflows float32 at 1048576 positions: use "
                + "xpos_scale_base=10263 or larger, or positions=rope");
    positions(config(PositionEncoding.ROPE, 512, true, dense), 1 << 20, "cpu").close();
    positions(config(PositionEncoding.XPOS, 512, true, segments(32768)), 1L << 40, "cpu").close();
    ModelConfig remedied = config(PositionEncoding.XPOS, 10263, true, dense);
    try (Positions positions = positions(remedied, 1 << 20, "cpu")) {
      for (long p : new long[] {0, 1 << 19, (1 << 20) - 1}) {
        assertThat(score(positions, p, p)).isCloseTo(HEAD_SIZE, Offset.offset(1e-4));
      }
    }
    // In an encoder scores grow with the distance: half the span is too much already.
    assertThatThrownBy(
            () -> positions(config(PositionEncoding.XPOS, 512, false, dense), 40_000, "cpu"))
        .hasMessageContaining("use xpos_scale_base=783 or larger");
  }

  @Test
  void segmentsThatDoNotNestHaveNoPeriod() {
    assertThat(segments(16, 64).period()).hasValue(64);
    assertThat(segments(16, 40).period()).isEmpty();
    assertThat(new AttentionConfig.Sparse(64, 4).period()).isEmpty();
    assertThat(List.of(Chunk.split(3, 10, 25), Chunk.split(1, 10, 4)))
        .containsExactly(
            List.of(new Chunk(0, 2, 10, 0), new Chunk(20, 1, 10, 0)),
            List.of(new Chunk(0, 1, 3, 0), new Chunk(3, 1, 3, 3), new Chunk(6, 1, 4, 6)));
  }
}
