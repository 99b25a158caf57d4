// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.lm.torch.Torch;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// A part of a window in the model: what a rank of a sequence computes.
class SpanTest {
  private static final int WINDOW = 64;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  private static ModelConfig config() {
    return new ModelConfig(
        29,
        2,
        24,
        3,
        40,
        PositionEncoding.XPOS,
        false,
        true,
        new AttentionConfig.Dilated(
            List.of(new Branch(8, 1), new Branch(16, 2)), HeadOffsets.INTERLEAVED));
  }

  private static Decoder decoder() {
    return Decoder.create(
        config(),
        ModelOptions.cpu().withChunks(10, 10),
        (attention, causal) -> new MaskedAttention(attention.pattern(causal), false),
        7);
  }

  private static Tensor windows() {
    long[] ids = new Random(3).longs(2 * (WINDOW + 1), 0, 29).toArray();
    Tensor all = torch.zeros(2, WINDOW + 1).to(ScalarType.Long);
    all.data_ptr_long().put(ids, 0, ids.length);
    return all;
  }

  /// No segment crosses a multiple of 16, so spans that begin at one need nothing of each other.
  @Test
  void lossesAndGradientsOfPartsAddUpToTheWholes() {
    try (PointerScope _ = new PointerScope();
        Decoder decoder = decoder()) {
      Tensor windows = windows();
      double weight = 1.0 / (2 * WINDOW);
      double whole = decoder.lossAndGradients(windows, Span.whole(WINDOW), weight);
      Map<String, Tensor> expected = new LinkedHashMap<>();
      decoder.gradients().forEach((name, gradient) -> expected.put(name, gradient.clone()));
      decoder.zeroGradients();
      double parts = 0;
      for (Span span : List.of(new Span(0, 16, WINDOW), new Span(16, 48, WINDOW))) {
        Tensor own = windows.narrow(1, span.first(), span.tokens() + 1);
        parts += decoder.lossAndGradients(own, span, weight);
      }
      assertThat(parts).isCloseTo(whole, Offset.offset(1e-4));
      decoder
          .gradients()
          .forEach((name, gradient) ->
              assertThat(Compare.difference(gradient, expected.get(name)))
                  .as(name)
                  .isLessThan(
                      2e-6
                          * Compare.norm(
                              expected.get(name.replace("k_proj.bias", "k_proj.weight")))));
    }
  }

  /// Scores know differences of positions alone, so the rotated queries themselves must be seen.
  @Test
  void positionsStartWhereTheSpanStarts() {
    try (PointerScope _ = new PointerScope()) {
      List<Tensor> queries = new ArrayList<>();
      AttentionOperator.Factory recording =
          (attention, causal) -> {
            AttentionOperator plain = new MaskedAttention(attention.pattern(causal), false);
            return new MaskedOperator(plain, queries);
          };
      try (Decoder decoder =
          Decoder.create(config(), ModelOptions.cpu().withChunks(10, 10), recording, 7)) {
        Tensor windows = windows();
        decoder.lossAndGradients(windows, Span.whole(WINDOW), 1);
        Tensor whole = queries.getFirst();
        queries.clear();
        Span span = new Span(16, 48, WINDOW);
        decoder.lossAndGradients(windows.narrow(1, 16, 49), span, 1);
        assertThat(Compare.relative(queries.getFirst(), whole.narrow(1, 16, 48))).isLessThan(1e-6);
      }
    }
  }

  /// Keeps the queries of every forward pass.
  private record MaskedOperator(AttentionOperator inner, List<Tensor> queries)
      implements AttentionOperator {
    @Override
    public AttentionOperator over(Span span) {
      inner.over(span);
      return this;
    }

    @Override
    public Output forward(Tensor q, Tensor k, Tensor v) {
      queries.add(q.clone().retainReference());
      return inner.forward(q, k, v);
    }

    @Override
    public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
      return inner.backward(q, k, v, output, gradOut);
    }

    @Override
    public String describe() {
      return inner.describe();
    }
  }

  @Test
  void aShortConvolutionRefusesParts() {
    try (PointerScope _ = new PointerScope();
        Decoder decoder =
            Decoder.create(
                config().withShortConvolution(4),
                ModelOptions.cpu(),
                (attention, causal) -> new MaskedAttention(attention.pattern(causal), false),
                7)) {
      assertThatThrownBy(() ->
              decoder.lossAndGradients(windows().narrow(1, 16, 17), new Span(16, 16, WINDOW), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a short convolution needs whole windows: first=16, tokens=16, window=64");
    }
  }

  @Test
  void refusesWhatLeavesTheWindow() {
    assertThatThrownBy(() -> new Span(10, 60, 64))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("first=10, tokens=60, window=64");
    try (PointerScope _ = new PointerScope();
        Decoder decoder = decoder()) {
      assertThatThrownBy(() -> decoder.lossAndGradients(windows(), new Span(0, 16, WINDOW), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("one id more than the span's 16 tokens");
      assertThatThrownBy(() ->
              decoder.lossAndGradients(windows().narrow(1, 5, 17), new Span(5, 16, WINDOW), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("multiples of 16 tokens: first=5, tokens=16");
    }
  }
}
