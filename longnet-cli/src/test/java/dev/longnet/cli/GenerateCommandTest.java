// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateCommandTest {
  private static final int END = 256;

  @TempDir static Path shared;
  private static Path checkpoint;

  @BeforeAll
  static void checkpoint() throws IOException {
    checkpoint = TinyCheckpoint.write(shared.resolve("model"));
  }

  /// Against the whole forward pass, token by token, beyond every segment's boundary.
  @Test
  void greedyTextIsTheModelsArgmax() {
    Cli run =
        Cli.run(
            "generate",
            checkpoint,
            "--prompt",
            "int x",
            "--temperature",
            "0",
            "--max-tokens",
            "90");
    assertThat(run.exitCode()).as(run.err()).isZero();
    byte[] prompt = "int x".getBytes(StandardCharsets.UTF_8);
    long[] ids = new long[prompt.length + 1];
    ids[0] = END;
    for (int i = 0; i < prompt.length; i++) {
      ids[i + 1] = prompt[i];
    }
    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    expected.writeBytes(prompt);
    try (Decoder decoder = TinyCheckpoint.decoder()) {
      for (int i = 0; i < 90; i++) {
        int next = argmax(decoder, ids);
        if (next == END) {
          break;
        }
        expected.write(next);
        ids = Arrays.copyOf(ids, ids.length + 1);
        ids[ids.length - 1] = next;
      }
    }
    assertThat(run.out()).isEqualTo(expected.toString(StandardCharsets.UTF_8) + "\n");
    assertThat(run.err()).contains("tokens/s", "seed");
  }

  @Test
  void aSeedFixesTheText() throws IOException {
    Path file = Files.writeString(shared.resolve("prompt.txt"), "class A {");
    Cli a =
        Cli.run("generate", checkpoint, "--prompt-file", file, "--seed", "3", "--max-tokens", "40");
    Cli b =
        Cli.run("generate", checkpoint, "--prompt-file", file, "--seed", "3", "--max-tokens", "40");
    Cli c =
        Cli.run("generate", checkpoint, "--prompt-file", file, "--seed", "4", "--max-tokens", "40");
    assertThat(a.exitCode()).as(a.err()).isZero();
    assertThat(a.out()).isEqualTo(b.out()).isNotEqualTo(c.out()).doesNotStartWith("class A {");
  }

  @Test
  void mistakesAreOneLine() {
    refused("--temperature=-1.0", "--temperature", "-1".replace("-1", "-1.0"));
    refused("top-k=-1", "--top-k", "-1");
    refused("top-p=0.0", "--top-p", "0");
    refused("--max-tokens=0", "--max-tokens", "0");
    refused("no such file", "--prompt-file", shared.resolve("missing"));
    refused("mutually exclusive", "--prompt", "a", "--prompt-file", "b");
    refused("threads=0", "--threads", "0");
    refused("banana", "--kernel", "banana");
    Cli none = Cli.run("generate", shared.resolve("none"));
    assertThat(none.exitCode()).isEqualTo(2);
    assertThat(none.err().lines()).hasSize(1);
  }

  private static void refused(String part, Object... options) {
    Object[] words = new Object[options.length + 2];
    words[0] = "generate";
    words[1] = checkpoint;
    System.arraycopy(options, 0, words, 2, options.length);
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).as(part).isEqualTo(2);
    assertThat(run.err().lines()).as(run.err()).hasSize(1);
    assertThat(run.err()).contains(part.replace("--temperature", "temperature"));
    assertThat(run.out()).isEmpty();
  }

  private static int argmax(Decoder decoder, long[] ids) {
    try (Arena arena = Arena.ofConfined();
        PointerScope _ = new PointerScope()) {
      Tensor input =
          TensorMemory.view(
              arena.allocateFrom(ValueLayout.JAVA_LONG, ids), ScalarType.Long, 1, ids.length);
      float[] logits =
          TensorMemory.of(decoder.logits(input).contiguous()).toArray(ValueLayout.JAVA_FLOAT);
      int best = 0;
      int row = logits.length - 257;
      for (int id = 0; id < 257; id++) {
        best = logits[row + id] > logits[row + best] ? id : best;
      }
      return best;
    }
  }
}
