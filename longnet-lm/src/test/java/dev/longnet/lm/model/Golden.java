// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.weights.GoldenFiles;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// One of torchscale's own models: its tensors copied out of the file, and its configuration.
record Golden(ModelConfig config, Map<String, Tensor> tensors) {

  static Golden read(String name) {
    try (SafetensorsFile file = GoldenFiles.open(name)) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (String key : file.names()) {
        tensors.put(key, copy(file.tensor(key)));
      }
      return new Golden(
          config(new ObjectMapper().readTree(file.metadata().get("config"))), tensors);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static Tensor copy(TensorEntry entry) {
    boolean ids = entry.type() == DType.I64;
    Tensor tensor = torch.zeros(entry.shape()).to(ids ? ScalarType.Long : ScalarType.Float);
    if (ids) {
      tensor
          .data_ptr_long()
          .put(entry.data().toArray(ValueLayout.JAVA_LONG_UNALIGNED), 0, (int) tensor.numel());
    } else {
      tensor
          .data_ptr_float()
          .put(entry.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED), 0, (int) tensor.numel());
    }
    return tensor;
  }

  private static ModelConfig config(JsonNode json) throws IOException {
    String side = json.has("decoder_layers") ? "decoder" : "encoder";
    JsonNode lengths = new ObjectMapper().readTree(json.get("segment_length").asText());
    JsonNode dilations = new ObjectMapper().readTree(json.get("dilated_ratio").asText());
    List<Branch> branches = new ArrayList<>();
    for (int i = 0; i < lengths.size(); i++) {
      branches.add(new Branch(lengths.get(i).asLong(), dilations.get(i).asLong()));
    }
    return new ModelConfig(
        json.get("vocab_size").asInt(),
        json.get(side + "_layers").asInt(),
        json.get(side + "_embed_dim").asInt(),
        json.get(side + "_attention_heads").asInt(),
        json.get(side + "_ffn_embed_dim").asInt(),
        Activation.GELU,
        json.get("xpos_rel_pos").asBoolean() ? PositionEncoding.XPOS : PositionEncoding.NONE,
        json.get("xpos_scale_base").asInt(),
        json.path("share_decoder_input_output_embed").asBoolean(),
        side.equals("decoder"),
        List.of(new AttentionConfig.Dilated(branches, HeadOffsets.BLOCKED)));
  }

  /// A model with these weights.
  Decoder decoder(ModelOptions options) {
    Decoder decoder =
        Decoder.create(
            config,
            options,
            (attention, causal) -> new MaskedAttention(attention.pattern(causal), true),
            1);
    decoder.parameters().forEach((name, tensor) -> tensor.copy_(tensors.get("model." + name)));
    return decoder;
  }
}
