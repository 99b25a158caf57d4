// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingCheckpoint;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogitsCommandTest {
  @TempDir static Path shared;
  @TempDir Path folder;
  private static Path checkpoint;
  private Path out;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(shared.resolve("model"));
  }

  @BeforeEach
  void out() {
    out = folder.resolve("out.safetensors");
  }

  @Test
  void writesTheModelsLogits() throws IOException {
    long[] ids = new Random(1).longs(3 * 100, 0, 257).toArray();
    Cli run =
        Cli.run("logits", checkpoint, "--tokens", tokens(DType.I64, ids, 3, 100), "--out", out);
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    try (SafetensorsFile file = SafetensorsFile.open(out);
        Decoder decoder = TinyCheckpoint.decoder();
        Arena arena = Arena.ofConfined();
        PointerScope _ = new PointerScope()) {
      TensorEntry logits = file.tensor("logits");
      assertThat(logits.shape()).containsExactly(3, 100, 257);
      assertThat(logits.type()).isEqualTo(DType.F32);
      Tensor input =
          TensorMemory.view(
              arena.allocateFrom(ValueLayout.JAVA_LONG, ids), ScalarType.Long, 3, 100);
      MemorySegment expected = TensorMemory.of(decoder.logits(input).contiguous());
      double largest = 0;
      for (long i = 0; i < 3 * 100 * 257; i++) {
        float want = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        largest = Math.max(largest, Math.abs(want));
        assertThat((double) logits.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i))
            .isCloseTo(want, within(1e-4));
      }
      assertThat(largest).as("the comparison means something").isGreaterThan(0.1);
    }
  }

  /// An int8 model here is the float32 one its weights stand for: the logits that streaming gives.
  @Test
  void readsInt8() throws IOException {
    Path int8 = folder.resolve("int8");
    assertThat(Cli.run("quantize", checkpoint, "--out", int8).exitCode()).isZero();
    int[] ids = new Random(2).ints(90, 0, 257).toArray();
    Cli run =
        Cli.run(
            "logits",
            int8,
            "--tokens",
            tokens(DType.I64, java.util.Arrays.stream(ids).asLongStream().toArray(), 1, 90),
            "--out",
            out);
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    try (SafetensorsFile file = SafetensorsFile.open(out);
        StreamingCheckpoint model =
            StreamingCheckpoint.open(Checkpoint.open(int8), StreamOptions.defaults());
        StreamSession session = model.model().newSession();
        StreamState state = model.model().newStream();
        Arena arena = Arena.ofConfined()) {
      MemorySegment expected = arena.allocate(4L * 90 * 257, 4);
      session.read(state, ids, 0, 90, expected);
      for (long i = 0; i < 90 * 257; i++) {
        assertThat(
                (double) file.tensor("logits").data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i))
            .isCloseTo(expected.getAtIndex(ValueLayout.JAVA_FLOAT, i), within(1e-4));
      }
    }
  }

  @Test
  void refusesTokensThatAreNone() throws IOException {
    refused(tokens(DType.I64, new long[] {1, 257}, 1, 2), "tokens[0, 1]=257", "[0, 257)");
    refused(tokens(DType.I64, new long[] {1, -1}, 2, 1), "tokens[1, 0]=-1");
    refused(tokens(DType.I64, new long[] {1, 2}, 2), "tokens must be [B, N] I64");
    refused(tokens(DType.I64, new long[0], 0, 5), "at least 1");
    refused(tokens(DType.F64, new long[] {1, 2}, 1, 2), "F64");
    refused(Files.writeString(folder.resolve("text"), "no tensors"), "not a safetensors file");
    refused(folder.resolve("missing"), "no such file");
  }

  @Test
  void refusesModelsThatAreNone() throws IOException {
    Path tokens = tokens(DType.I64, new long[] {1, 2}, 1, 2);
    Cli missing = Cli.run("logits", folder.resolve("none"), "--tokens", tokens, "--out", out);
    assertThat(missing.exitCode()).isEqualTo(2);
    assertThat(missing.err().lines()).hasSize(1);
    Path broken = TinyCheckpoint.write(folder.resolve("broken"));
    Path weights = broken.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    Cli truncated = Cli.run("logits", broken, "--tokens", tokens, "--out", out);
    assertThat(truncated.exitCode()).isEqualTo(2);
    assertThat(truncated.err().lines()).hasSize(1);
    assertThat(truncated.err()).contains("model.safetensors");
    assertThat(out).doesNotExist();
  }

  private void refused(Path tokens, String... parts) {
    Cli run = Cli.run("logits", checkpoint, "--tokens", tokens, "--out", out);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).startsWith("longnet: ").contains(parts);
    assertThat(out).doesNotExist();
  }

  private Path tokens(DType type, long[] ids, long... shape) throws IOException {
    Path file = folder.resolve("tokens-" + System.nanoTime() + ".safetensors");
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsWriter.write(
          file,
          Map.of(),
          List.of(
              new TensorEntry(
                  "tokens", type, shape, arena.allocateFrom(ValueLayout.JAVA_LONG, ids))));
    }
    return file;
  }
}
