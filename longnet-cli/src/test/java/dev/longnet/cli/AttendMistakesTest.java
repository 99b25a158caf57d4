// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static dev.longnet.cli.AttendInput.converted;
import static dev.longnet.cli.AttendInput.inputs;
import static dev.longnet.cli.AttendInput.settings;
import static dev.longnet.cli.AttendInput.write;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `attend` refuses, in one line, and writes nothing.
class AttendMistakesTest {
  @TempDir Path temporary;
  private Path out;

  @BeforeEach
  void outFile() {
    out = temporary.resolve("out.safetensors");
  }

  @Test
  void badTensorsAreOneLine() throws IOException {
    TensorEntry q = TensorEntry.of("q", new long[] {1, 2, 1, 2}, 1f, 2, 3, 4);
    TensorEntry k = TensorEntry.of("k", new long[] {1, 2, 1, 2}, 1f, 2, 3, 4);
    TensorEntry v = TensorEntry.of("v", new long[] {1, 2, 1, 2}, 1f, 2, 3, 4);
    refused(List.of(q, k), "no tensor named v");
    refused(
        List.of(q, TensorEntry.of("k", new long[] {1, 1, 1, 2}, 1f, 2), v),
        "k must have the shape of q, [1, 2, 1, 2]: shape=[1, 1, 1, 2]");
    refused(
        List.of(TensorEntry.of("q", new long[] {2, 2}, 1f, 2, 3, 4), k, v),
        "q must be [batch, tokens, heads, head size], the last two 1 to 2^31-1: shape=[2, 2]");
    refused(
        List.of(TensorEntry.of("q", new long[] {1, 2, 0, 2}, new float[0]), k, v),
        "q must be [batch, tokens, heads, head size], the last two 1 to 2^31-1: shape=[1, 2, 0, 2]");
    refused(
        List.of(q, k, TensorEntry.of("v", new long[] {1, 2, 1, 2}, 1, 2, Float.NaN, 4)),
        "v must be finite (in float32): v[0, 1, 0, 0]=NaN");
    refused(
        List.of(
            q, TensorEntry.of("k", new long[] {1, 2, 1, 2}, 1, Float.POSITIVE_INFINITY, 3, 4), v),
        "k must be finite (in float32): k[0, 0, 0, 1]=Infinity");
    refused(
        List.of(TensorEntry.of("q", new long[] {1, 2, 1, 2}, 1L, 2L, 3L, 4L), k, v),
        "q must be F32, BF16, F16 or F64: dtype=I64");
    refused(
        List.of(q, k, v), "no tensor named grad_out, which gradients start from", "--gradients");
    refused(
        List.of(q, k, v),
        "no tensor named grad_out, which gradients start from",
        "--detached-weights");
  }

  private void refused(List<TensorEntry> tensors, String message, Object... options)
      throws IOException {
    refused(settings(), tensors, message, options);
  }

  private void refused(
      Map<String, String> metadata, List<TensorEntry> tensors, String message, Object... options)
      throws IOException {
    Path in = write(temporary, "in", metadata, tensors);
    List<Object> words = new ArrayList<>(List.of("attend", in, "--out", out));
    words.addAll(Arrays.asList(options));
    Cli run = Cli.run(words.toArray());
    assertThat(run.err()).isEqualTo("longnet: " + in + ": " + message + "\n");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(out).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "segment_lengths | (none) | the metadata has no segment_lengths: set it there or pass --segment-lengths",
        "dilation_ratios | (none) | the metadata has no dilation_ratios: set it there or pass --dilation-ratios",
        "causal | (none) | the metadata has no causal: set it there or pass --causal",
        "segment_lengths | [8, | metadata segment_lengths must be a JSON list of whole numbers: segment_lengths=[8,",
        "segment_lengths | [8.5, 1] | metadata segment_lengths must be a JSON list of whole "
            + "numbers: segment_lengths=[8.5, 1]",
        "segment_lengths | [8] | every segment length needs one dilation: 1 segment lengths, 2 dilations",
        "segment_lengths | [0, 8] | segmentLength must be positive: segmentLength=0",
        "dilation_ratios | [1, -3] | dilation must be positive: dilation=-3",
        "causal | maybe | metadata causal must be true or false: causal=maybe",
        "head_offsets | random | metadata head_offsets must be interleaved or blocked: head_offsets=random",
      })
  void badSettingsAreOneLine(String key, String value, String message) throws IOException {
    Map<String, String> metadata = new HashMap<>(settings());
    if (value.equals("(none)")) {
      metadata.remove(key);
    } else {
      metadata.put(key, value);
    }
    refused(metadata, inputs(1, 2, 1, 2), message);
  }

  @Test
  void flagsReplaceMetadataThatCannotBeRead() throws IOException {
    Map<String, String> metadata = new HashMap<>(settings());
    metadata.put("segment_lengths", "16,32");
    Path in = write(temporary, "in", metadata, inputs(1, 2, 1, 2));
    assertThat(Cli.run("attend", in, "--out", out).err())
        .contains("metadata segment_lengths must be");
    Cli run = Cli.run("attend", in, "--out", out, "--segment-lengths", "8,16");
    assertThat(run.exitCode()).as(run.err()).isZero();
    Cli wrong = Cli.run("attend", in, "--out", out, "--segment-lengths", "0,16");
    assertThat(wrong.err()).startsWith("longnet: segmentLength must be positive: segmentLength=0");
    Cli far =
        Cli.run(
            "attend",
            in,
            "--out",
            out,
            "--segment-lengths",
            "8,16",
            "--dilation-ratios",
            "1,9223372036854775807");
    assertThat(far.err())
        .startsWith("longnet: dilation must be at most 2^40: dilation=9223372036854775807");
    Cli folder = Cli.run("attend", temporary, "--out", out);
    assertThat(folder.exitCode()).as(folder.err()).isEqualTo(2);
    assertThat(folder.err())
        .isEqualTo("longnet: " + temporary + ": a directory, not a safetensors file\n");
  }

  @Test
  void scoresBeyondFloat32AreRefusedAndNothingIsWritten() throws IOException {
    Map<String, TensorEntry> huge = new LinkedHashMap<>();
    for (String name : List.of("q", "k", "v")) {
      huge.put(name, TensorEntry.of(name, new long[] {1, 2, 1, 2}, 1e30f, 1e30f, 1e30f, 1e30f));
    }
    Path in = temporary.resolve("huge.safetensors");
    SafetensorsWriter.write(in, settings(), List.copyOf(huge.values()));
    for (String kernel : List.of("scalar", "simd", "torch")) {
      Cli run = Cli.run("attend", in, "--out", out, "--kernel", kernel);
      assertThat(run.exitCode()).as(kernel + run.err()).isEqualTo(2);
      assertThat(run.err()).contains("leave float32's range").hasLineCount(1);
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void matrixUnitsRefuseWhatTheyDoNotTake() throws IOException {
    Path floats = write(temporary, "floats", settings(), inputs(1, 5, 3, 16));
    Path odd =
        write(
            temporary,
            "odd",
            settings(),
            inputs(1, 5, 3, 8).stream().map(entry -> converted(entry, DType.BF16)).toList());
    for (Path in : List.of(floats, odd)) {
      Cli run = Cli.run("attend", in, "--out", out, "--kernel", "matrix");
      assertThat(run.exitCode()).isEqualTo(2);
      assertThat(run.err())
          .contains("--kernel matrix takes BF16 tensors whose head size is a multiple of 16: q is ")
          .hasLineCount(1);
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void badFilesAndOptionsAreOneLine() throws IOException {
    Path in = write(temporary, "in", settings(), inputs(1, 2, 1, 2));
    Path text = Files.writeString(temporary.resolve("text"), "not a safetensors file at all");
    for (Object[] words :
        new Object[][] {
          {"attend", in},
          {"attend", "--out", out},
          {"attend", temporary.resolve("none"), "--out", out},
          {"attend", text, "--out", out},
          {"attend", in, "--out", out, "--kernel", "gpu"},
          {"attend", in, "--out", out, "--segment-lengths", "eight"},
          {"attend", in, "--out", out, "--threads", "0"},
          {"attend", in, "--out", out, "--causal", "perhaps"},
        }) {
      Cli run = Cli.run(words);
      assertThat(run.exitCode()).as(Arrays.toString(words)).isEqualTo(2);
      assertThat(run.err().lines()).hasSize(1);
      assertThat(out).doesNotExist();
    }
  }
}
