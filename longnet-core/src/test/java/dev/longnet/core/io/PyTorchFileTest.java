// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The files under `pytorch/` were written by `torch.save` of PyTorch 2.15.
class PyTorchFileTest {
  private static final Path FILES = Path.of("src/test/resources/pytorch");

  @TempDir Path temporary;

  @Test
  void readsEveryTypeAndLayoutThatTorchWrites() throws IOException {
    try (PyTorchFile file = PyTorchFile.open(FILES.resolve("values.pt"))) {
      assertThat(file.names())
          .contains("model.0.weight", "model.1.bias", "optimizer.state.0.exp_avg");
      TensorEntry weight = file.tensor("model.0.weight");
      assertThat(weight.type()).isEqualTo(DType.F16);
      assertThat(weight.shape()).containsExactly(4, 3);
      assertThat(weight.data().byteSize()).isEqualTo(24);
      assertThat(file.tensor("tensors.f64").data().toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED))
          .containsExactly(1.5, -2.5);
      assertThat(file.tensor("tensors.i64").data().toArray(ValueLayout.JAVA_LONG_UNALIGNED))
          .containsExactly(1, -(1L << 40));
      assertThat(file.tensor("tensors.i32").data().toArray(ValueLayout.JAVA_INT_UNALIGNED))
          .containsExactly(7);
      assertThat(file.tensor("tensors.bool").data().toArray(ValueLayout.JAVA_BYTE))
          .containsExactly(1, 0);
      assertThat(file.tensor("tensors.bf16").data().toArray(ValueLayout.JAVA_SHORT_UNALIGNED))
          .containsExactly((short) 0x3f80, (short) 0x4000, (short) 0x4040, (short) 0xc080);
      assertThat(file.tensor("tensors.scalar").shape()).isEmpty();
      assertThat(floats(file, "tensors.scalar")).containsExactly(3.25f);
      assertThat(file.tensor("tensors.empty").shape()).containsExactly(5, 0);
      assertThat(floats(file, "tensors.slice")).containsExactly(4, 5, 6, 7, 8, 9);
      assertThat(floats(file, "tensors.strided")).containsExactly(0, 5, 10, 15, 20);
      float[] transposed = floats(file, "tensors.transposed");
      assertThat(file.tensor("tensors.transposed").shape()).containsExactly(6, 4);
      assertThat(Arrays.copyOf(transposed, 8)).containsExactly(0, 6, 12, 18, 1, 7, 13, 19);
      assertThat(floats(file, "tensors.parameter")).containsExactly(1, 1, 1, 1);
    }
  }

  @Test
  void keepsWhatIsNotATensor() throws IOException {
    try (PyTorchFile file = PyTorchFile.open(FILES.resolve("values.pt"))) {
      Map<?, ?> values = (Map<?, ?>) file.values();
      assertThat(values.get("step")).isEqualTo(1234L);
      assertThat(values.get("big")).isEqualTo(BigInteger.TWO.pow(70));
      assertThat(values.get("lr")).isEqualTo(6e-4);
      assertThat(values.get("name")).isEqualTo("tiny é");
      assertThat(values.get("flags")).isEqualTo(Arrays.asList(true, false, null));
      assertThat(values.get("shape")).isEqualTo(List.of(2L, 3L));
    }
  }

  @Test
  void readsSettingsAsDataWhateverObjectHoldsThem() throws IOException {
    for (String name : List.of("fairseq.pt", "fairseq-args.pt")) {
      try (PyTorchFile file = PyTorchFile.open(FILES.resolve(name))) {
        Map<?, ?> args = (Map<?, ?>) ((Map<?, ?>) file.values()).get("args");
        assertThat(args.get("arch")).as(name).isEqualTo("lm_base");
      }
    }
    try (PyTorchFile file = PyTorchFile.open(FILES.resolve("fairseq-cfg.pt"))) {
      Map<?, ?> cfg = (Map<?, ?>) ((Map<?, ?>) file.values()).get("cfg");
      assertThat(cfg.get("common")).isEqualTo(Map.of("fp16", true));
      assertThat(((Map<?, ?>) cfg.get("model")).get("lr")).isEqualTo(List.of(6e-4));
      Map<?, ?> structured = (Map<?, ?>) cfg.get("structured");
      assertThat(structured.get("decoder_layers")).isEqualTo(2L);
      assertThat(structured.get("opt")).isNull();
      assertThat(structured.get("betas")).isEqualTo(List.of(0.9, 0.98));
      assertThat(structured.get("table")).isEqualTo(Map.of());
      assertThat(file.names()).contains("model.decoder.layers.0.self_attn.q_proj.weight");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ccopy_reg\n_reconstructor\n)R.", // a call that makes objects of any class
        "cargparse\nNamespace\nc__builtin__\neval\n\u0081.", // a class for arguments
        "cposix\nsystem\n)\u0081.", // a class that is none
        "cbuiltins\ngetattr\ncargparse\nNamespace\nX\u0001\u0000\u0000\u0000x\u0086R.",
        "coperator\ngetitem\ncos\nenviron\nX\u0001\u0000\u0000\u0000x\u0086R.",
        "cfairseq.x\nf\nR.", // nothing to call it with
        "cargparse.Namespace\nx\n)\u0081.",
      })
  void refusesWhatOnlyLooksLikeSettings(String operations) throws IOException {
    byte[] pickle = ("\u0080\u0002" + operations).getBytes(StandardCharsets.ISO_8859_1);
    assertThatThrownBy(() -> TensorPickle.read(pickle))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageMatching("(refused|the pickle is malformed).*");
  }

  @ParameterizedTest
  @CsvSource({
    "fairseq-eval.pt, __builtin__.eval",
    "system.pt, posix.system",
    "legacy.pt, not a zip checkpoint of PyTorch 1.6 or later",
  })
  void refusesByName(String name, String named) {
    assertThatThrownBy(() -> PyTorchFile.open(FILES.resolve(name)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(name)
        .hasMessageContaining(named);
  }

  @Test
  void refusesEveryTruncation() throws IOException {
    byte[] whole = Files.readAllBytes(FILES.resolve("values.pt"));
    Path cut = temporary.resolve("cut.pt");
    for (int length = 0; length < whole.length; length += 37) {
      Files.write(cut, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> PyTorchFile.open(cut))
          .as("%d bytes", length)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void damagedFilesGiveOneKindOfErrorOrTensorsWithinTheFile() throws IOException {
    byte[] whole = Files.readAllBytes(FILES.resolve("values.pt"));
    Path damaged = temporary.resolve("damaged.pt");
    for (int seed = 0; seed < 1500; seed++) {
      Random random = new Random(seed);
      byte[] bytes = whole.clone();
      for (int i = random.nextInt(8); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      Files.write(damaged, bytes);
      try (PyTorchFile file = PyTorchFile.open(damaged)) {
        for (String name : file.names()) {
          file.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
        }
      } catch (IllegalArgumentException expected) {
        assertThat(expected.getMessage()).as("seed %d", seed).startsWith(damaged.toString());
      } catch (Throwable t) {
        throw new AssertionError("seed " + seed, t);
      }
    }
  }

  @Test
  void refusesAContainerThatHoldsItself() {
    // [] memoised, appended to itself
    byte[] pickle = {(byte) 0x80, 2, ']', 'q', 0, 'h', 0, 'a', '.'};
    Object list = TensorPickle.read(pickle);
    assertThat((List<?>) list).hasSize(1);
    assertThatThrownBy(
            () -> TensorPickle.read(new byte[] {(byte) 0x80, 2, '}', ']', 'K', 1, 's', '.'}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("keys");
  }

  private static float[] floats(PyTorchFile file, String name) {
    return file.tensor(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }
}
