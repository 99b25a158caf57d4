// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.core.weights.EncoderCheckpoint;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.inference.LoadedEncoder;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.TensorFiles;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A small model with random weights on bytes, trained length 64, as a checkpoint's directory.
final class TinyCheckpoint {
  static final ModelConfig MODEL =
      new ModelConfig(
          257,
          2,
          32,
          2,
          64,
          PositionEncoding.XPOS,
          true,
          true,
          new AttentionConfig.Dilated(
              List.of(new Branch(16, 1), new Branch(64, 4)), HeadOffsets.INTERLEAVED, false));
  static final RuntimeConfig RUNTIME =
      new RuntimeConfig(
          "cpu",
          RuntimeConfig.Precision.FP32,
          1,
          RuntimeConfig.AttentionChoice.AUTO,
          false,
          2048,
          1024,
          false);

  private TinyCheckpoint() {}

  static Path write(Path directory) throws IOException {
    return write(directory, MODEL.mixer(0));
  }

  /// The same weights under another attention: every other layer is the same for all of them.
  static Path write(Path directory, MixerConfig attention) throws IOException {
    ModelConfig model = MODEL.withMixer(attention);
    try (Decoder decoder = decoder()) {
      Checkpoint.writeModelOnly(
          directory,
          model,
          "bytes",
          64,
          file -> TensorFiles.write(file, Map.of("format", "pt"), decoder.parameters()));
    }
    return directory;
  }

  /// The same weights; the caller closes it.
  static Decoder decoder() {
    Torch.load();
    return Decoder.create(MODEL, ModelOptions.cpu(), AttentionOperators.factory(RUNTIME), 5);
  }

  /// A small encoder of embeddings of width 16 with random weights.
  static Path writeEncoder(Path directory) throws IOException {
    EncoderConfig config =
        new EncoderConfig(
            1,
            16,
            2,
            32,
            Activation.GELU,
            true,
            new SegmentLengths.Fixed(List.of(4L, 8L)),
            List.of(1L, 2L),
            HeadOffsets.BLOCKED,
            false,
            Optional.empty(),
            false,
            new EncoderConfig.InputPositions.None(),
            Optional.empty(),
            Optional.empty());
    try (Encoder random = LoadedEncoder.random(config, RUNTIME, 1)) {
      EncoderCheckpoint.write(
          directory, config, file -> TensorFiles.write(file, Map.of(), random.parameters()));
    }
    return directory;
  }

  /// 1,290 bytes for it to read.
  static Path text(Path file) throws IOException {
    return Files.writeString(file, "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(30));
  }

  /// The state of a stream after 700 tokens of `text`.
  static Path stream(Path checkpoint, Path text, Path state) {
    Cli run =
        Cli.run("stream", checkpoint, "--input", text, "--max-tokens", 700, "--save-state", state);
    assertThat(run.exitCode()).isZero();
    return state;
  }
}
