// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.BranchedAttention;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What every mixer owes the model, whole passes and gradients. To add a mixer, add its
/// configuration to [#mixers()].
class MixerContractTest {
  private static final int VOCABULARY = 37;
  private static final int TOKENS = 48;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  /// @param taps of the short convolution that the mixers stand behind; 0 for none
  /// @param taps where there are some, the first head carries no positions
  record Model(List<MixerConfig> mixers, int taps) {
    static Model of(MixerConfig... mixers) {
      return new Model(List.of(mixers), 0);
    }
  }

  static Stream<Model> mixers() {
    MixerConfig near =
        new AttentionConfig.Dilated(
            List.of(new Branch(8, 1), new Branch(16, 2)), HeadOffsets.BLOCKED);
    MixerConfig far =
        new AttentionConfig.Dilated(
            List.of(new Branch(8, 1), new Branch(20, 3), new Branch(64, 5)),
            HeadOffsets.INTERLEAVED);
    MixerConfig even = new AttentionConfig.Sparse(8, 2);
    MixerConfig uneven = new AttentionConfig.Sparse(8, 3);
    MixerConfig dense = new AttentionConfig.Dense();
    return Stream.of(
        Model.of(dense),
        Model.of(near),
        Model.of(far),
        Model.of(even),
        Model.of(uneven),
        Model.of(branches()),
        Model.of(dense, branches()),
        Model.of(far, dense),
        Model.of(near, even, dense),
        new Model(List.of(near, even, dense), 4),
        new Model(List.of(branches()), 4),
        new Model(List.of(far), 7));
  }

  private static MixerConfig branches() {
    Branch near = new Branch(9, 1, Branch.Window.SLIDING, Branch.Dilate.BOTH, List.of(), 0);
    Branch two = new Branch(8, 2, Branch.Window.TWO_SEGMENTS, Branch.Dilate.BOTH, List.of(0, 2), 3);
    Branch far = new Branch(64, 4, Branch.Window.SEGMENT, Branch.Dilate.KEYS, List.of(1), 0);
    return new BranchedAttention(
        List.of(
            new BranchedAttention.Placed(near, List.of(), 0),
            new BranchedAttention.Placed(two, List.of(0, 2), 1),
            new BranchedAttention.Placed(far, List.of(1), 2)),
        HeadOffsets.INTERLEAVED);
  }

  private static ModelConfig config(Model model) {
    // Another activation for some; ReLU's edges are no place for differences.
    Activation activation = model.mixers().size() == 2 ? Activation.SWISH : Activation.GELU;
    return new ModelConfig(
            VOCABULARY,
            3,
            24,
            3,
            40,
            activation,
            PositionEncoding.XPOS,
            512,
            false,
            true,
            model.mixers())
        .withNopeHeads(model.taps() == 0 ? 0 : 1, model.taps() == 0 ? 0 : 20)
        .withShortConvolution(model.taps());
  }

  private static Decoder decoder(Model model, ModelOptions options) {
    RuntimeConfig runtime =
        RuntimeConfig.of("cpu", options.precision(), 1, RuntimeConfig.AttentionChoice.JAVA, false);
    return Decoder.create(config(model), options, AttentionOperators.factory(runtime), 7);
  }

  private static Tensor ids(long batch, long tokens, long seed) {
    long[] ids = new Random(seed).longs(batch * tokens, 0, VOCABULARY).toArray();
    Tensor all = torch.zeros(batch, tokens).to(ScalarType.Long);
    all.data_ptr_long().put(ids, 0, ids.length);
    return all;
  }

  @ParameterizedTest
  @MethodSource("mixers")
  void theWholePassIsTheOracles(Model model) {
    try (PointerScope _ = new PointerScope();
        Decoder decoder = decoder(model, ModelOptions.cpu());
        Decoder oracle =
            Decoder.create(
                config(model),
                ModelOptions.cpu(),
                (attention, causal) -> new MaskedAttention(attention.pattern(causal), false),
                7)) {
      Tensor tokens = ids(2, TOKENS, 1);
      assertThat(Compare.relative(decoder.logits(tokens), oracle.logits(tokens))).isLessThan(2e-6);
    }
  }

  /// The other face of each mixer: what it remembers of a stream. Float64 oracles of both stand
  /// where each is tested alone.
  @ParameterizedTest
  @MethodSource("mixers")
  void chunksAndSingleTokensOfAStreamGiveTheWholePass(Model model) {
    try (PointerScope _ = new PointerScope();
        Arena arena = Arena.ofConfined();
        Decoder decoder = decoder(model, ModelOptions.cpu());
        StreamingModel streaming =
            StreamingModel.load(
                decoder.config(),
                name -> TensorMemory.entry(name, decoder.parameters().get(name)),
                StreamOptions.defaults().withThreads(1));
        StreamSession session = streaming.newSession();
        StreamState chunks = streaming.newStream();
        StreamState steps = streaming.newStream()) {
      Tensor ids = ids(1, TOKENS, 6);
      int[] tokens = new int[TOKENS];
      Arrays.setAll(tokens, i -> (int) ids.get(0).get(i).item_long());
      Tensor whole = decoder.logits(ids).get(0);
      MemorySegment logits = arena.allocate(4L * TOKENS * VOCABULARY, 4);
      for (int from = 0; from < TOKENS; from += 13) {
        int count = Math.min(13, TOKENS - from);
        session.read(chunks, tokens, from, count, logits.asSlice(4L * from * VOCABULARY));
      }
      float[] last = new float[VOCABULARY];
      for (int i = 0; i < TOKENS; i++) {
        session.read(steps, tokens, i, 1);
        session.logits(steps, last);
        for (int id = 0; id < VOCABULARY; id++) {
          float expected = whole.get(i).get(id).item_float();
          assertThat(last[id]).as("step %d, id %d", i, id).isCloseTo(expected, within(2e-5f));
          assertThat(logits.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * VOCABULARY + id))
              .as("chunk, token %d, id %d", i, id)
              .isCloseTo(expected, within(2e-5f));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("mixers")
  void chunksAndBatchesChangeNothing(Model model) {
    try (PointerScope _ = new PointerScope();
        Decoder whole = decoder(model, ModelOptions.cpu());
        Decoder pieces = decoder(model, ModelOptions.cpu().withChunks(5, 5))) {
      Tensor tokens = ids(2, TOKENS, 2);
      Tensor logits = whole.logits(tokens);
      assertThat(Compare.relative(pieces.logits(tokens), logits)).isLessThan(2e-6);
      assertThat(Compare.relative(whole.logits(tokens.narrow(0, 1, 1)), logits.narrow(0, 1, 1)))
          .isLessThan(2e-6);
      Tensor windows = ids(2, TOKENS + 1, 8);
      Map<String, Tensor> expected = gradients(whole, windows);
      gradients(pieces, windows)
          .forEach((name, gradient) ->
              assertThat(Compare.difference(gradient, expected.get(name)))
                  .as(name)
                  .isLessThan(
                      5e-6
                          * Compare.norm(
                              expected.get(name.replace("k_proj.bias", "k_proj.weight")))));
    }
  }

  @ParameterizedTest
  @MethodSource("mixers")
  void editingTheFutureChangesNothingBefore(Model model) {
    try (PointerScope _ = new PointerScope();
        Decoder decoder = decoder(model, ModelOptions.cpu())) {
      Tensor tokens = ids(1, TOKENS, 3);
      Tensor before = decoder.logits(tokens).clone();
      for (long edited : new long[] {1, 8, 9, 31, TOKENS - 1}) {
        Tensor other = tokens.clone();
        Tensor id = other.narrow(1, edited, 1);
        id.copy_(id.add(new Scalar(1)).remainder(new Scalar(VOCABULARY)));
        Tensor after = decoder.logits(other);
        assertThat(after.narrow(1, 0, edited).equal(before.narrow(1, 0, edited)))
            .as("logits before the edited token %d", edited)
            .isTrue();
        assertThat(after.narrow(1, edited, 1).equal(before.narrow(1, edited, 1))).isFalse();
      }
    }
  }

  /// Along a direction that is the gradient's and a random one together, for each parameter of the
  /// layers on its own: a gradient that is missing, or points elsewhere, is another slope.
  @ParameterizedTest
  @MethodSource("mixers")
  void everyGradientIsTheLossesSlope(Model model) {
    try (PointerScope _ = new PointerScope();
        Decoder decoder = decoder(model, ModelOptions.cpu())) {
      Tensor windows = ids(2, TOKENS + 1, 4);
      Map<String, Tensor> gradients = gradients(decoder, windows);
      torch.manual_seed(9);
      for (var parameter : decoder.parameters().entrySet()) {
        if (!parameter.getKey().startsWith("layers.")) {
          continue;
        }
        try (PointerScope _ = new PointerScope()) {
          Tensor gradient = gradients.get(parameter.getKey());
          Tensor direction = torch.randn_like(gradient);
          direction.div_(new Scalar(Compare.norm(direction)));
          direction.add_(gradient, new Scalar(1 / Math.max(1e-12, Compare.norm(gradient))));
          double expected = gradient.mul(direction).sum().item_double();
          double step = 0.02;
          parameter.getValue().add_(direction, new Scalar(step));
          double above = loss(decoder, windows);
          parameter.getValue().add_(direction, new Scalar(-2 * step));
          double below = loss(decoder, windows);
          parameter.getValue().add_(direction, new Scalar(step));
          assertThat((above - below) / (2 * step))
              .as("slope of the loss along %s", parameter.getKey())
              .isCloseTo(expected, Offset.offset(2e-5 + 0.03 * Math.abs(expected)));
        }
      }
    }
  }

  private static double loss(Decoder decoder, Tensor windows) {
    return decoder.losses(windows).to(ScalarType.Double).mean().item_double();
  }

  private static Map<String, Tensor> gradients(Decoder decoder, Tensor windows) {
    decoder.zeroGradients();
    decoder.lossAndGradients(windows, 1);
    Map<String, Tensor> copies = new LinkedHashMap<>();
    decoder.gradients().forEach((name, gradient) -> copies.put(name, gradient.clone()));
    return copies;
  }

  @ParameterizedTest
  @MethodSource("mixers")
  void recomputedActivationsGiveTheSameGradients(Model model) {
    try (PointerScope _ = new PointerScope();
        Decoder kept = decoder(model, ModelOptions.cpu().withChunks(16, 16));
        Decoder again =
            decoder(
                model, ModelOptions.cpu().withChunks(16, 16).withActivationCheckpointing(true))) {
      Tensor windows = ids(2, TOKENS + 1, 5);
      Map<String, Tensor> expected = gradients(kept, windows);
      gradients(again, windows)
          .forEach(
              (name, gradient) -> assertThat(gradient.equal(expected.get(name))).as(name).isTrue());
    }
  }
}
