// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.PyTorchFile;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.WeightFiles;
import dev.longnet.core.weights.EncoderCheckpoint;
import dev.longnet.core.weights.GoldenFiles;
import dev.longnet.core.weights.TorchscaleImport;
import dev.longnet.core.weights.WeightsExport;
import dev.longnet.lm.inference.Encoding.Output;
import dev.longnet.lm.inference.Encoding.Pooling;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Encoders of Prov-GigaPath's and LongViT's form from `torch.save` files, against a float64
/// forward pass in PyTorch (longnet-core/src/test/resources/encoders/make.py).
class ImportedEncodersTest {
  @TempDir Path directory;

  private static Path resource(String name) {
    return GoldenFiles.resource("encoders/" + name);
  }

  private Path imported(String name) throws IOException {
    Path run = directory.resolve(name);
    TorchscaleImport.Result result =
        TorchscaleImport.run(
            resource(name + ".pth"),
            run,
            new TorchscaleImport.Options(
                Optional.of(resource(name + ".json")),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false));
    assertThat(result.kind()).isEqualTo("encoder of embeddings");
    assertThat(result.kept()).isEmpty();
    return run;
  }

  private static void assertSame(
      Map<String, Tensor> actual, Path expected, double tolerance, String... names)
      throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(expected)) {
      for (String name : names) {
        Tensor reference = TensorMemory.view(file.tensor(name)).to(ScalarType.Double);
        Tensor ours = actual.get(name.equals("mean") ? "pooled" : name);
        double error =
            ours.to(ScalarType.Double).sub(reference).norm().item_double()
                / reference.norm().item_double();
        assertThat(error).as(name).isLessThan(tolerance);
      }
    }
  }

  private void encode(
      String name,
      Path input,
      RuntimeConfig.Precision precision,
      boolean zeroKeys,
      Pooling pooling,
      Path expected,
      double tolerance,
      EnumSet<Output> outputs,
      String... names)
      throws IOException {
    RuntimeConfig runtime =
        new RuntimeConfig(
            "cpu", precision, 0, RuntimeConfig.AttentionChoice.AUTO, false, 2048, 1024, false);
    EncoderCheckpoint checkpoint = EncoderCheckpoint.open(imported(name));
    EncoderConfig config = checkpoint.config().withZeroPaddedKeys(zeroKeys);
    try (PointerScope _ = new PointerScope();
        EmbeddingInput in = EmbeddingInput.open(input, Optional.empty(), Optional.empty());
        Encoder encoder = LoadedEncoder.open(checkpoint, config, runtime)) {
      assertSame(Encoding.run(encoder, in, pooling, outputs, _ -> {}), expected, tolerance, names);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void provGigaPath(boolean zeroKeys) throws IOException {
    encode(
        "gigapath",
        resource("gigapath-input.safetensors"),
        RuntimeConfig.Precision.FP32,
        zeroKeys,
        Pooling.CLASS,
        resource("gigapath-expected" + (zeroKeys ? "-zero-padded-keys" : "") + ".safetensors"),
        2e-6,
        EnumSet.of(Output.HIDDEN, Output.POOLED, Output.LAYERS),
        "hidden",
        "pooled",
        "pooled_layers");
  }

  @Test
  void provGigaPathWithGlobalPooling() throws IOException {
    encode(
        "gigapath",
        resource("gigapath-input.safetensors"),
        RuntimeConfig.Precision.FP32,
        false,
        Pooling.MEAN,
        resource("gigapath-expected.safetensors"),
        2e-6,
        EnumSet.of(Output.POOLED),
        "mean");
  }

  @ParameterizedTest
  @EnumSource
  void longVit(RuntimeConfig.Precision precision) throws IOException {
    double tolerance =
        switch (precision) {
          case FP32 -> 2e-6;
          // A product's operands carry 8 bits: 2^-9 each, over two layers of a dozen products.
          case BF16 -> 2e-2;
        };
    encode(
        "longvit",
        resource("longvit-input.npy"),
        precision,
        false,
        Pooling.MEAN,
        resource("longvit-expected.safetensors"),
        tolerance,
        EnumSet.of(Output.HIDDEN, Output.POOLED, Output.LOGITS),
        "hidden",
        "pooled",
        "logits");
  }

  @ParameterizedTest
  @CsvSource({"gigapath, 0", "longvit, 0", "gigapath, 50000"})
  void theStateDictComesBack(String name, long shard) throws IOException {
    Path run = imported(name);
    Path out = directory.resolve("out.safetensors");
    WeightsExport.run(
        run,
        out,
        new WeightsExport.Options(
            WeightsExport.Target.TORCHSCALE,
            Optional.empty(),
            shard == 0 ? OptionalLong.empty() : OptionalLong.of(shard)));
    try (PyTorchFile given = PyTorchFile.open(resource(name + ".pth"));
        WeightFiles back = WeightFiles.open(out)) {
      assertThat(back.names()).containsExactlyInAnyOrderElementsOf(given.names());
      for (String tensor : given.names()) {
        TensorEntry before = given.tensor(tensor);
        TensorEntry after = back.tensor(tensor);
        assertThat(after.shape()).as(tensor).isEqualTo(before.shape());
        assertThat(after.data().mismatch(before.data())).as(tensor).isEqualTo(-1);
      }
    }
    // And in again.
    TorchscaleImport.run(
        out,
        directory.resolve("again"),
        new TorchscaleImport.Options(
            Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), false));
    assertThat(EncoderCheckpoint.open(directory.resolve("again")).config())
        .isEqualTo(EncoderCheckpoint.open(run).config());
  }

  @Test
  void segmentLengthsByNumberOfTokensSurviveTheCheckpoint() throws IOException {
    Path config = directory.resolve("c.json");
    Files.writeString(
        config,
        Files.readString(resource("longvit.json"))
            .replace("\"[8, 16, 36]\"", "{\"16\": [4, 8, 16], \"36\": [8, 16, 36]}"));
    Path run = directory.resolve("run");
    TorchscaleImport.run(
        resource("longvit.pth"),
        run,
        new TorchscaleImport.Options(
            Optional.of(config), Optional.empty(), Optional.empty(), Optional.empty(), false));
    EncoderConfig read = EncoderCheckpoint.open(run).config();
    assertThat(read.segmentLengths().of(10)).containsExactly(4L, 8L, 16L);
    assertThat(read.segmentLengths().of(17)).containsExactly(8L, 16L, 36L);
    assertThatThrownBy(() -> read.attention(37))
        .hasMessageContaining("no entry for 37 tokens, its largest is for 36");
  }

  @Test
  void aDamagedCheckpointIsRefused() throws IOException {
    Path run = imported("longvit");
    byte[] weights = Files.readAllBytes(run.resolve("model.safetensors"));
    weights[weights.length - 5] ^= 1;
    Files.write(run.resolve("model.safetensors"), weights);
    assertThatThrownBy(() -> EncoderCheckpoint.open(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.safetensors");
  }
}
