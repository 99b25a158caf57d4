// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// torchscale's own models: logits, loss and every gradient, to float32 rounding.
class GoldenModelTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder_heads_not_multiple",
        "decoder_no_xpos",
        "decoder_tied_ragged",
        "decoder_xpos_subln_1",
        "encoder_divisible"
      })
  void logits(String name) {
    try (PointerScope _ = new PointerScope()) {
      Golden golden = Golden.read(name);
      try (Decoder decoder = golden.decoder(ModelOptions.cpu())) {
        Tensor expected = golden.tensors().get("logits");
        assertThat(Compare.relative(decoder.logits(golden.tensors().get("tokens")), expected))
            .isLessThan(2e-6);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder_heads_not_multiple",
        "decoder_no_xpos",
        "decoder_tied_ragged",
        "decoder_xpos_subln_1"
      })
  void lossAndGradients(String name) {
    try (PointerScope _ = new PointerScope()) {
      Golden golden = Golden.read(name);
      try (Decoder decoder = golden.decoder(ModelOptions.cpu())) {
        double loss = decoder.lossAndGradients(golden.tensors().get("tokens"), 1);
        assertThat(loss).isCloseTo(golden.tensors().get("loss").item_double(), Offset.offset(2e-6));
        decoder
            .gradients()
            .forEach((parameter, gradient) -> {
              // Softmax does not feel a shift of all keys: without xPos this gradient is zero but
              // for rounding.
              String scale = parameter.replace("k_proj.bias", "k_proj.weight");
              assertThat(
                      Compare.difference(gradient, golden.tensors().get("grad." + parameter))
                          / Compare.norm(golden.tensors().get("grad." + scale)))
                  .as(parameter)
                  .isLessThan(3e-6);
            });
      }
    }
  }
}
