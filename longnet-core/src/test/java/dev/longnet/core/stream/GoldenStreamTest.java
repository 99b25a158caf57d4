// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// torchscale's own models, streamed: its logits at every position, whatever the chunks.
class GoldenStreamTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder_xpos_subln_1",
        "decoder_heads_not_multiple",
        "decoder_no_xpos",
        "decoder_tied_ragged"
      })
  void equalsTorchscale(String name) throws Exception {
    try (SafetensorsFile file =
        SafetensorsFile.open(
            Path.of(
                GoldenStreamTest.class
                    .getResource("/golden/torchscale/" + name + ".safetensors")
                    .toURI()))) {
      ModelConfig config = config(new ObjectMapper().readTree(file.metadata().get("config")));
      long[] tokens = file.tensor("tokens").data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
      int length = (int) file.tensor("tokens").shape()[1];
      float[] expected = file.tensor("logits").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
      Random random = new Random(name.hashCode());
      try (StreamingModel model =
              StreamingModel.load(
                  config, key -> file.tensor("model." + key), StreamOptions.defaults());
          StreamSession session = model.newSession()) {
        for (int repeat = 0; repeat < 5; repeat++) {
          for (int sequence = 0; sequence * length < tokens.length; sequence++) {
            int[] ids = new int[length];
            for (int i = 0; i < length; i++) {
              ids[i] = (int) tokens[sequence * length + i];
            }
            try (StreamState state = model.newStream()) {
              for (int done = 0; done < length; ) {
                int n = Math.min(length - done, 1 + random.nextInt(repeat == 0 ? length : 20));
                compare(session, state, ids, done, n, expected, sequence * length + done);
                done += n;
              }
            }
          }
        }
      }
    }
  }

  private static void compare(
      StreamSession session,
      StreamState state,
      int[] ids,
      int from,
      int n,
      float[] expected,
      int row) {
    int v = session.model().config().vocabulary();
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats logits = memory.floats((long) n * v);
      session.read(state, ids, from, n, logits.segment());
      for (int i = 0; i < n * v; i++) {
        assertThat(logits.get(i))
            .as("token %d logit %d", from + i / v, i % v)
            .isCloseTo(expected[row * v + i], org.assertj.core.data.Offset.offset(2e-5f));
      }
    }
  }

  private static ModelConfig config(JsonNode json) throws Exception {
    JsonNode lengths = new ObjectMapper().readTree(json.get("segment_length").asText());
    JsonNode dilations = new ObjectMapper().readTree(json.get("dilated_ratio").asText());
    List<Branch> branches = new ArrayList<>();
    for (int i = 0; i < lengths.size(); i++) {
      branches.add(new Branch(lengths.get(i).asLong(), dilations.get(i).asLong()));
    }
    return new ModelConfig(
        json.get("vocab_size").asInt(),
        json.get("decoder_layers").asInt(),
        json.get("decoder_embed_dim").asInt(),
        json.get("decoder_attention_heads").asInt(),
        json.get("decoder_ffn_embed_dim").asInt(),
        Activation.GELU,
        json.get("xpos_rel_pos").asBoolean() ? PositionEncoding.XPOS : PositionEncoding.NONE,
        json.get("xpos_scale_base").asInt(),
        json.get("share_decoder_input_output_embed").asBoolean(),
        true,
        List.of(new AttentionConfig.Dilated(branches, HeadOffsets.BLOCKED)));
  }
}
