package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.Floats;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.attention.AttentionOperators;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class AttendCommandTest {
  private static final Path GOLDEN =
      Path.of("../longnet-attention/src/test/resources/golden/attention");

  @TempDir Path temporary;
  private Path out;

  @BeforeEach
  void outFile() {
    out = temporary.resolve("out.safetensors");
  }

  static Stream<Arguments> goldenFilesAndKernels() throws IOException {
    try (Stream<Path> files = Files.list(GOLDEN)) {
      return files.sorted().toList().stream()
          .flatMap(file ->
              Stream.of("auto", "scalar", "simd", "torch")
                  .map(kernel -> Arguments.of(file, kernel)));
    }
  }

  @ParameterizedTest
  @MethodSource("goldenFilesAndKernels")
  void computesTheGoldenValues(Path in, String kernel) throws IOException {
    Cli run = Cli.run("attend", in, "--out", out, "--gradients", "--kernel", kernel);
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("out, lse, grad_q, grad_k, grad_v of [").contains(" -> " + out);
    assertEqual(in, "");
    Cli detached =
        Cli.run(
            "attend", in, "--out", out, "--gradients", "--detached-weights", "--kernel", kernel);
    assertThat(detached.exitCode()).isZero();
    assertEqual(in, "_detached_weights");
  }

  private void assertEqual(Path in, String suffix) throws IOException {
    try (SafetensorsFile expected = SafetensorsFile.open(in);
        SafetensorsFile actual = SafetensorsFile.open(out)) {
      assertThat(actual.names())
          .containsExactlyInAnyOrder("out", "lse", "grad_q", "grad_k", "grad_v");
      for (String key : List.of("segment_lengths", "dilation_ratios", "causal", "head_offsets")) {
        assertThat(actual.metadata()).containsEntry(key, expected.metadata().get(key));
      }
      for (String name : actual.names()) {
        assertClose(
            actual.tensor(name),
            expected.tensor(name.startsWith("grad") ? name + suffix : name),
            1e-6);
      }
    }
  }

  private static void assertClose(TensorEntry actual, TensorEntry expected, double tolerance) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    double largest = 1;
    for (long i = 0; i < expected.elements(); i++) {
      float value = Math.abs(Floats.get(expected, i));
      largest = Float.isInfinite(value) ? largest : Math.max(largest, value);
    }
    for (long i = 0; i < expected.elements(); i++) {
      float a = Floats.get(actual, i);
      float e = Floats.get(expected, i);
      if (a != e) {
        assertThat(Math.abs((double) a - e))
            .as("%s[%d]: %s, not %s", expected.name(), i, a, e)
            .isLessThanOrEqualTo(tolerance * largest);
      }
    }
  }

  /// q, k, v and grad_out in another type: the results are those of the rounded values, in float32.
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F64", "F32", "F16", "BF16"})
  void readsEveryFloatingType(DType type) throws IOException {
    List<TensorEntry> rounded = new ArrayList<>();
    List<TensorEntry> plain = new ArrayList<>();
    for (TensorEntry entry : inputs(1, 50, 3, 8)) {
      TensorEntry other = converted(entry, type);
      rounded.add(other);
      plain.add(
          new TensorEntry(
              entry.name(),
              DType.F32,
              entry.shape(),
              Floats.toFloat32(other, Arena.ofAuto()).data()));
    }
    Path other = write("other", settings(), rounded);
    Path same = write("same", settings(), plain);
    Path expected = temporary.resolve("expected.safetensors");
    assertThat(Cli.run("attend", same, "--out", expected, "--gradients").exitCode()).isZero();
    for (String kernel : List.of("scalar", "simd", "torch")) {
      assertThat(
              Cli.run("attend", other, "--out", out, "--gradients", "--kernel", kernel).exitCode())
          .isZero();
      try (SafetensorsFile a = SafetensorsFile.open(out);
          SafetensorsFile e = SafetensorsFile.open(expected)) {
        for (String name : e.names()) {
          assertThat(a.tensor(name).type()).isEqualTo(DType.F32);
          assertClose(a.tensor(name), e.tensor(name), 1e-6);
        }
      }
    }
  }

  /// bfloat16 through matrix units, where there are any: float32's results but for the rounding of
  /// weights.
  @Test
  void matrixUnitsTakeBfloats() throws IOException {
    Path in =
        write(
            "bfloats",
            settings(),
            inputs(1, 50, 3, 16).stream().map(entry -> converted(entry, DType.BF16)).toList());
    Cli run = Cli.run("attend", in, "--out", out, "--gradients", "--kernel", "matrix");
    if (AttentionOperators.bfloatProducts().isEmpty()) {
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.err()).contains("no AMX").hasLineCount(1);
      assertThat(out).doesNotExist();
      return;
    }
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("bfloat16 by AMX");
    Path expected = temporary.resolve("expected.safetensors");
    assertThat(Cli.run("attend", in, "--out", expected, "--gradients").exitCode()).isZero();
    try (SafetensorsFile a = SafetensorsFile.open(out);
        SafetensorsFile e = SafetensorsFile.open(expected)) {
      for (String name : e.names()) {
        assertClose(a.tensor(name), e.tensor(name), name.equals("lse") ? 1e-6 : 1.0 / 128);
      }
    }
  }

  @Test
  void matrixUnitsRefuseWhatTheyDoNotTake() throws IOException {
    Path floats = write("floats", settings(), inputs(1, 5, 3, 16));
    Path odd =
        write(
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

  private static TensorEntry converted(TensorEntry entry, DType type) {
    MemorySegment data = Arena.ofAuto().allocate(entry.elements() * type.size(), 8);
    for (long i = 0; i < entry.elements(); i++) {
      float value = Floats.get(entry, i);
      switch (type) {
        case F64 -> data.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
        case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        case BF16 ->
            data.setAtIndex(
                ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> throw new AssertionError(type);
      }
    }
    return new TensorEntry(entry.name(), type, entry.shape(), data);
  }

  @Test
  void optionsOverrideMetadata() throws IOException {
    Path dense =
        write(
            "dense",
            Map.of("segment_lengths", "[50]", "dilation_ratios", "[1]", "causal", "false"),
            inputs(1, 50, 3, 8));
    Path other = write("other", settings(), inputs(1, 50, 3, 8));
    Path expected = temporary.resolve("expected.safetensors");
    assertThat(Cli.run("attend", other, "--out", expected).exitCode()).isZero();
    Cli run =
        Cli.run(
            "attend",
            dense,
            "--out",
            out,
            "--segment-lengths",
            "8,32",
            "--dilation-ratios",
            "1,3",
            "--causal",
            "true",
            "--head-offsets",
            "blocked");
    assertThat(run.exitCode()).as(run.err()).isZero();
    try (SafetensorsFile a = SafetensorsFile.open(out);
        SafetensorsFile e = SafetensorsFile.open(expected)) {
      assertThat(a.names()).containsExactlyInAnyOrder("out", "lse");
      assertThat(a.tensor("out").data().mismatch(e.tensor("out").data())).isEqualTo(-1);
      assertThat(a.metadata()).isEqualTo(e.metadata());
    }
  }

  @Test
  void emptySequenceGivesEmptyResults() throws IOException {
    Path in = write("empty", settings(), inputs(2, 0, 3, 8));
    for (String kernel : List.of("scalar", "simd", "torch")) {
      Cli run = Cli.run("attend", in, "--out", out, "--gradients", "--kernel", kernel);
      assertThat(run.exitCode()).as(run.err()).isZero();
      try (SafetensorsFile file = SafetensorsFile.open(out)) {
        assertThat(file.tensor("lse").shape()).containsExactly(2, 3, 0);
        assertThat(file.tensor("grad_k").shape()).containsExactly(2, 0, 3, 8);
      }
    }
  }

  @Test
  void inputMayBeOverwritten() throws IOException {
    Path in = write("in", settings(), inputs(1, 20, 3, 8));
    assertThat(Cli.run("attend", in, "--out", in).exitCode()).isZero();
    try (SafetensorsFile file = SafetensorsFile.open(in)) {
      assertThat(file.names()).containsExactlyInAnyOrder("out", "lse");
    }
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
    Path in = write("in", metadata, tensors);
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
        "segment_lengths | [8.5, 1] | metadata segment_lengths must be a JSON list of whole numbers: segment_lengths=[8.5, 1]",
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
    Path in = write("in", metadata, inputs(1, 2, 1, 2));
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
  void badFilesAndOptionsAreOneLine() throws IOException {
    Path in = write("in", settings(), inputs(1, 2, 1, 2));
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

  private static Map<String, String> settings() {
    return Map.of(
        "segment_lengths",
        "[8, 32]",
        "dilation_ratios",
        "[1, 3]",
        "causal",
        "true",
        "head_offsets",
        "blocked");
  }

  private Path write(String name, Map<String, String> metadata, List<TensorEntry> tensors)
      throws IOException {
    Path file = temporary.resolve(name + ".safetensors");
    SafetensorsWriter.write(file, metadata, tensors);
    return file;
  }

  private static List<TensorEntry> inputs(long... shape) {
    Random random = new Random(1);
    List<TensorEntry> tensors = new ArrayList<>();
    for (String name : List.of("q", "k", "v", "grad_out")) {
      float[] values = new float[(int) Arrays.stream(shape).reduce(1, Math::multiplyExact)];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      tensors.add(TensorEntry.of(name, shape, values));
    }
    return tensors;
  }
}
