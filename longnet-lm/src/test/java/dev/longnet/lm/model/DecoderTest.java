// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.lm.torch.NativePointers;
import dev.longnet.lm.torch.Torch;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DecoderTest {
  private static final int VOCABULARY = 61;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  static ModelConfig config(PositionEncoding positions, boolean tied, AttentionConfig attention) {
    return new ModelConfig(VOCABULARY, 2, 24, 3, 40, positions, tied, true, attention);
  }

  static AttentionConfig dilated() {
    return new AttentionConfig.Dilated(
        List.of(new Branch(8, 1), new Branch(16, 2), new Branch(32, 5)), HeadOffsets.INTERLEAVED);
  }

  private static Decoder decoder(ModelConfig config, ModelOptions options) {
    return Decoder.create(
        config,
        options,
        (attention, causal) -> new MaskedAttention(attention.pattern(causal), false),
        7);
  }

  private static ModelOptions onThreads(int threads) {
    return new ModelOptions(
        "cpu", Precision.FP32, threads, false, ModelOptions.TOKEN_CHUNK, ModelOptions.LOSS_CHUNK);
  }

  private static Tensor windows(long batch, long tokens, long seed) {
    Random random = new Random(seed);
    long[] ids = random.longs(batch * tokens, 0, VOCABULARY).toArray();
    Tensor all = torch.zeros(batch, tokens).to(ScalarType.Long);
    all.data_ptr_long().put(ids, 0, ids.length);
    return all;
  }

  private record Pass(double loss, Map<String, Tensor> gradients) {}

  private static Pass pass(ModelConfig config, ModelOptions options, Tensor windows) {
    try (Decoder decoder = decoder(config, options)) {
      double loss = decoder.lossAndGradients(windows, 1);
      Map<String, Tensor> copies = new LinkedHashMap<>();
      decoder.gradients().forEach((name, gradient) -> copies.put(name, gradient.clone()));
      return new Pass(loss, copies);
    }
  }

  private static double worst(Pass actual, Pass expected) {
    double worst = 0;
    for (String name : expected.gradients.keySet()) {
      Tensor scale = expected.gradients.get(name.replace("k_proj.bias", "k_proj.weight"));
      worst =
          Math.max(
              worst,
              Compare.difference(actual.gradients.get(name), expected.gradients.get(name))
                  / Compare.norm(scale));
    }
    return worst;
  }

  /// Along a random direction of all parameters, the loss changes as the gradient says.
  @ParameterizedTest
  @EnumSource(PositionEncoding.class)
  void gradientIsTheLossesSlope(PositionEncoding positions) {
    assertSlope(config(positions, positions == PositionEncoding.ROPE, dilated()));
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void gradientIsTheLossesSlopeWithEveryActivation(Activation activation) {
    List<MixerConfig> mixers = List.of(dilated());
    assertSlope(
        new ModelConfig(
            VOCABULARY, 2, 24, 3, 40, activation, PositionEncoding.NONE, 1, true, true, mixers));
  }

  private static void assertSlope(ModelConfig config) {
    try (PointerScope _ = new PointerScope();
        Decoder decoder = decoder(config, ModelOptions.cpu())) {
      Tensor windows = windows(2, 38, 3);
      decoder.lossAndGradients(windows, 1);
      // The direction of the gradient itself: the slope is its norm, far above float32's noise in
      // the loss.
      double squared = 0;
      for (Tensor gradient : decoder.gradients().values()) {
        squared += Math.pow(Compare.norm(gradient), 2);
      }
      double step = 2e-3 / Math.sqrt(squared);
      double slope =
          (lossAt(decoder, windows, step) - lossAt(decoder, windows, -step)) / (2 * step);
      assertThat(slope).isCloseTo(squared, Offset.offset(2e-3 * squared));
    }
  }

  private static double lossAt(Decoder decoder, Tensor windows, double step) {
    shift(decoder, step);
    double loss = decoder.losses(windows).to(ScalarType.Double).mean().item_double();
    shift(decoder, -step);
    return loss;
  }

  private static void shift(Decoder decoder, double step) {
    decoder
        .parameters()
        .forEach((name, value) ->
            value.add_(decoder.gradients().get(name), new org.bytedeco.pytorch.Scalar(step)));
  }

  @ParameterizedTest
  @CsvSource({"false,7,5", "true,7,5", "true,1000,1000", "false,1,1", "false,80,3", "true,100,64"})
  void chunksAndCheckpointingChangeNothing(boolean checkpointing, int tokenChunk, int lossChunk) {
    try (PointerScope _ = new PointerScope()) {
      ModelConfig config = config(PositionEncoding.XPOS, false, dilated());
      Tensor windows = windows(3, 42, 5);
      Pass plain = pass(config, ModelOptions.cpu().withChunks(1000, 1000), windows);
      Pass other =
          pass(
              config,
              ModelOptions.cpu()
                  .withActivationCheckpointing(checkpointing)
                  .withChunks(tokenChunk, lossChunk),
              windows);
      assertThat(other.loss).isCloseTo(plain.loss, Offset.offset(1e-6));
      assertThat(worst(other, plain)).isLessThan(2e-6);
    }
  }

  /// Large enough that threads share out the columns of the embedding, the rows of small products
  /// and the clearing of gradients.
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5})
  void threadsShareTheWorkOfAWideModel(int threads) {
    try (PointerScope _ = new PointerScope()) {
      ModelConfig config =
          new ModelConfig(
              VOCABULARY, 2, 100, 5, 160, PositionEncoding.XPOS, false, true, dilated());
      Tensor windows = windows(3, 42, 5);
      Pass alone = pass(config, onThreads(1), windows);
      Pass shared = pass(config, onThreads(threads), windows);
      assertThat(shared.loss).isCloseTo(alone.loss, Offset.offset(1e-6));
      assertThat(worst(shared, alone)).isLessThan(2e-6);
      try (Decoder decoder = decoder(config, onThreads(threads))) {
        assertThat(decoder.memory().elements()).isGreaterThan(1 << 17);
        decoder.lossAndGradients(windows, 1);
        decoder.zeroGradients();
        decoder.gradients().forEach((name, g) -> assertThat(Compare.norm(g)).as(name).isZero());
      }
    }
  }

  @Test
  void everyAttentionTrains() {
    try (PointerScope _ = new PointerScope()) {
      for (AttentionConfig attention :
          List.of(dilated(), new AttentionConfig.Dense(), new AttentionConfig.Sparse(8, 2))) {
        ModelConfig config = config(PositionEncoding.XPOS, false, attention);
        Pass pass = pass(config, ModelOptions.cpu(), windows(2, 42, 9));
        assertThat(pass.loss)
            .as("%s", attention)
            .isCloseTo(Math.log(VOCABULARY), Offset.offset(1.0));
        pass.gradients.forEach(
            (name, g) -> assertThat(Compare.norm(g)).as(name).isPositive().isFinite());
      }
    }
  }

  @Test
  void gradientsAccumulateWithTheirScale() {
    try (PointerScope _ = new PointerScope();
        Decoder decoder =
            decoder(config(PositionEncoding.XPOS, true, dilated()), ModelOptions.cpu())) {
      Tensor windows = windows(2, 30, 4);
      decoder.lossAndGradients(windows, 1);
      Map<String, Tensor> once = new LinkedHashMap<>();
      decoder.gradients().forEach((name, gradient) -> once.put(name, gradient.clone()));
      decoder.zeroGradients();
      decoder.lossAndGradients(windows.narrow(0, 0, 1), 0.5);
      decoder.lossAndGradients(windows.narrow(0, 1, 1), 0.5);
      Pass twice = new Pass(0, decoder.gradients());
      assertThat(worst(twice, new Pass(0, once))).isLessThan(2e-6);
    }
  }

  @Test
  void lossesAreThoseOfTheLogits() {
    try (PointerScope _ = new PointerScope();
        Decoder decoder =
            decoder(
                config(PositionEncoding.XPOS, false, dilated()),
                ModelOptions.cpu().withChunks(9, 4))) {
      Tensor windows = windows(2, 30, 4);
      Tensor logits = decoder.logits(windows.narrow(1, 0, 29)).to(ScalarType.Double);
      Tensor targets = windows.narrow(1, 1, 29);
      Tensor expected =
          torch.log_softmax(logits, 2).gather(2, targets.unsqueeze(2)).squeeze(2).neg();
      Tensor losses = decoder.losses(windows);
      assertThat(losses.shape()).containsExactly(2, 29);
      assertThat(Compare.relative(losses, expected)).isLessThan(1e-6);
      Tensor ids = torch.arange(new Scalar(50), new Scalar(57)).to(ScalarType.Long);
      Tensor share = torch.zeros(1).to(ScalarType.Double);
      assertThat(
              torch.equal(
                  decoder.losses(windows, Span.whole(windows.size(1) - 1), ids, share), losses))
          .isTrue();
      double expectedShare = torch.softmax(logits, 2).narrow(2, 50, 7).sum().item_double();
      assertThat(share.item_double()).isCloseTo(expectedShare, Offset.offset(1e-5));
    }
  }

  /// bfloat16 has 8 bits: what a pass loses is a few of its roundings, and the two ways of keeping
  /// agree.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bf16IsCloseToFp32(boolean checkpointing) {
    try (PointerScope _ = new PointerScope()) {
      ModelConfig config = config(PositionEncoding.XPOS, false, dilated());
      Tensor windows = windows(2, 42, 5);
      Pass full = pass(config, ModelOptions.cpu(), windows);
      ModelOptions half =
          ModelOptions.cpu()
              .withPrecision(Precision.BF16)
              .withActivationCheckpointing(checkpointing);
      Pass rounded = pass(config, half, windows);
      assertThat(rounded.loss).isCloseTo(full.loss, Offset.offset(0.01));
      assertThat(worst(rounded, full)).isLessThan(0.03).isGreaterThan(1e-4);
      rounded.gradients.forEach(
          (name, g) -> assertThat(g.scalar_type().intern()).as(name).isEqualTo(ScalarType.Float));
    }
  }

  @Test
  void weightsAreAFunctionOfTheSeed() {
    ModelConfig config = config(PositionEncoding.XPOS, false, dilated());
    try (PointerScope _ = new PointerScope();
        Decoder one = decoder(config, ModelOptions.cpu());
        Decoder two = decoder(config, ModelOptions.cpu());
        Decoder three =
            Decoder.create(
                config,
                ModelOptions.cpu(),
                (attention, causal) -> new MaskedAttention(attention.pattern(causal), false),
                8)) {
      one.parameters()
          .forEach((name, value) -> {
            assertThat(value.equal(two.parameters().get(name))).as(name).isTrue();
            boolean constant =
                name.contains("norm") || name.contains("_ln") || name.endsWith("out_proj.bias");
            assertThat(value.equal(three.parameters().get(name))).as(name).isEqualTo(constant);
          });
      double deviation = one.parameters().get("embed_tokens.weight").std().item_double();
      assertThat(deviation).isCloseTo(1 / Math.sqrt(24), Offset.offset(0.02));
      // Xavier uniform times MAGNETO's gain
      double out =
          one.parameters().get("layers.0.self_attn.out_proj.weight").abs().max().item_double();
      assertThat(out).isCloseTo(Math.sqrt(6.0 / 48) * Math.sqrt(Math.log(4)), Offset.offset(0.02));
    }
  }

  /// Nothing a step allocates outlives it: pointers, and bytes of the workspace.
  @Test
  void nativeMemoryIsFlat() throws InterruptedException {
    try (PointerScope _ = new PointerScope();
        Decoder decoder =
            decoder(
                config(PositionEncoding.XPOS, false, dilated()),
                ModelOptions.cpu().withChunks(16, 16))) {
      Tensor windows = windows(2, 33, 1);
      for (int i = 0; i < 50; i++) {
        step(decoder, windows);
      }
      long pointers = NativePointers.settled();
      long bytes = Pointer.totalBytes();
      long workspace = decoder.workspaceBytes();
      int steps = 50;
      for (int i = 0; i < steps; i++) {
        step(decoder, windows);
      }
      // Which thread takes which tile is chance, and each keeps views of its temporaries: a few may
      // still be new. What leaks, leaks in every step.
      assertThat(Pointer.totalCount()).isLessThan(pointers + steps / 2);
      assertThat(Pointer.totalBytes()).isEqualTo(bytes);
      assertThat(decoder.workspaceBytes()).isEqualTo(workspace);
    }
  }

  private static void step(Decoder decoder, Tensor windows) {
    try (PointerScope _ = new PointerScope()) {
      decoder.lossAndGradients(windows, 1);
      decoder.losses(windows);
      decoder.logits(windows);
      decoder.zeroGradients();
    }
  }

  @Test
  void refusesWhatIsNotTokens() {
    try (PointerScope _ = new PointerScope();
        Decoder decoder =
            decoder(config(PositionEncoding.XPOS, false, dilated()), ModelOptions.cpu())) {
      assertThatThrownBy(() -> decoder.logits(torch.zeros(2, 3)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("tokens must be [B >= 1, N >= 1] int64: Float [2, 3]");
      assertThatThrownBy(() -> decoder.losses(windows(1, 1, 1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("windows must be [B >= 1, N >= 2] int64");
    }
  }
}
