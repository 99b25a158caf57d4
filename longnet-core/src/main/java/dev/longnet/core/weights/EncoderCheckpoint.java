// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.Checksums;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.EncoderTree;
import dev.longnet.core.config.Section;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// An encoder of embeddings on disk: `config.json`, `model.safetensors`, `checksums.json`. It is no
/// language model's checkpoint: it has no tokens and no tokenizer.
public record EncoderCheckpoint(Path directory, EncoderConfig config) {
  private static final String FORMAT = Checkpoint.ENCODER_FORMAT;
  private static final int VERSION = 1;
  private static final String CONFIG = "config.json";
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /// Whether the directory holds one, whatever its state.
  public static boolean isAt(Path directory) throws IOException {
    Path config = directory.resolve(CONFIG);
    return Files.isRegularFile(config) && tree(config).path("format").asText().equals(FORMAT);
  }

  /// @throws IllegalArgumentException where it is damaged
  public static EncoderCheckpoint open(Path directory) throws IOException {
    Path file = directory.resolve(CONFIG);
    Section s = Section.root(tree(file), file.toString());
    if (!s.text("format", "").equals(FORMAT) || s.integer("format_version", 0, 0) != VERSION) {
      throw s.wrong("format", "must be " + FORMAT + " of version " + VERSION);
    }
    s.require("encoder");
    EncoderConfig config = EncoderTree.read(s.section("encoder"));
    s.done();
    Checksums.verify(directory);
    return new EncoderCheckpoint(directory, config);
  }

  public Path weights() {
    return directory.resolve("model.safetensors");
  }

  /// @param directory must not exist
  /// @param weights writes the tensors to the path it is given
  public static void write(Path directory, EncoderConfig config, AtomicFiles.PathBody weights)
      throws IOException {
    ObjectNode tree = JSON.createObjectNode();
    tree.put("format", FORMAT);
    tree.put("format_version", VERSION);
    tree.set("encoder", EncoderTree.write(config));
    AtomicFiles.writeDirectory(
        directory,
        temporary -> {
          JSON.writeValue(temporary.resolve(CONFIG).toFile(), tree);
          weights.writeTo(temporary.resolve("model.safetensors"));
          Checksums.write(temporary);
        });
  }

  private static ObjectNode tree(Path file) throws IOException {
    try {
      if (Texts.json(JSON, Files.readAllBytes(file)) instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException("damaged checkpoint: not a JSON object: " + file);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("damaged checkpoint: not valid JSON: " + file, e);
    }
  }
}
