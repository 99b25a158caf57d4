// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static dev.longnet.lm.attention.TestTensors.assertClose;
import static dev.longnet.lm.attention.TestTensors.normal;
import static dev.longnet.lm.attention.TestTensors.tensor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.ReferenceAttention;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.BlockwiseCausalPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The values of every attention operator, on every kernel there is: golden tensors, the float64
/// oracle, one kernel against another.
class OperatorValuesTest {
  private static final Path GOLDEN =
      Path.of("../longnet-attention/src/test/resources/golden/attention");

  @BeforeAll
  static void load() {
    Torch.load();
  }

  static Stream<OperatorKind> kinds() {
    return OperatorKind.all();
  }

  static Stream<Arguments> golden() throws IOException {
    try (Stream<Path> files = Files.list(GOLDEN)) {
      return files.sorted().toList().stream()
          .flatMap(file -> OperatorKind.all().map(kind -> new Arguments(file, kind)));
    }
  }

  record Arguments(Path file, OperatorKind kind) {
    @Override
    public String toString() {
      return file.getFileName() + " " + kind;
    }
  }

  @ParameterizedTest
  @MethodSource("golden")
  void equalsGoldenValues(Arguments arguments) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(arguments.file);
        PointerScope scope = new PointerScope()) {
      AttentionPattern pattern =
          DilatedAttentionSpec.of(
              longs(file, "segment_lengths"),
              longs(file, "dilation_ratios"),
              Boolean.parseBoolean(file.metadata().get("causal")),
              HeadOffsets.valueOf(
                  file.metadata().get("head_offsets").replace("\"", "").toUpperCase()));
      Tensor q = read(file, "q");
      Tensor k = read(file, "k");
      Tensor v = read(file, "v");
      for (GradientMode mode : GradientMode.values()) {
        AttentionOperator operator = arguments.kind.of(pattern, mode);
        AttentionOperator.Output output = operator.forward(q, k, v);
        assertClose("out", output.out(), read(file, "out"));
        assertClose("lse", output.lse(), read(file, "lse"));
        AttentionOperator.Gradients gradients =
            operator.backward(q, k, v, output, read(file, "grad_out"));
        String suffix = mode == GradientMode.EXACT ? "" : "_detached_weights";
        assertClose("grad_q" + suffix, gradients.gradQ(), read(file, "grad_q" + suffix));
        assertClose("grad_k" + suffix, gradients.gradK(), read(file, "grad_k" + suffix));
        assertClose("grad_v" + suffix, gradients.gradV(), read(file, "grad_v" + suffix));
      }
    }
  }

  private static long[] longs(SafetensorsFile file, String key) {
    return Arrays.stream(file.metadata().get(key).replaceAll("[\\[\\] ]", "").split(","))
        .mapToLong(Long::parseLong)
        .toArray();
  }

  private static Tensor read(SafetensorsFile file, String name) {
    return TensorMemory.view(file.tensor(name)).clone();
  }

  /// Random shapes, branches, strides and types against the float64 oracle.
  @ParameterizedTest
  @MethodSource("kinds")
  void equalsTheOracleOnRandomShapes(OperatorKind kind) {
    for (int seed = 0; seed < 120; seed++) {
      Random random = new Random(seed);
      try (PointerScope scope = new PointerScope()) {
        checkRandom(kind, random);
      } catch (Throwable e) {
        throw new AssertionError(kind + " seed " + seed + ": " + e.getMessage(), e);
      }
    }
  }

  private static void checkRandom(OperatorKind kind, Random random) {
    int heads = 1 + random.nextInt(7);
    int size = new int[] {1, 3, 8, 16, 20, 64}[random.nextInt(6)];
    long batch = 1 + random.nextInt(3);
    long tokens = new long[] {1, 2, 7, 33, 64, 65}[random.nextInt(6)];
    AttentionPattern pattern = pattern(random);
    boolean bfloat16 = random.nextInt(4) == 0;
    Tensor[] inputs = new Tensor[4];
    for (int i = 0; i < 4; i++) {
      inputs[i] = anyLayout(random, bfloat16, batch, tokens, heads, size);
    }
    GradientMode mode =
        pattern instanceof DilatedAttentionSpec && random.nextBoolean()
            ? GradientMode.DETACHED_WEIGHTS
            : GradientMode.EXACT;
    ReferenceAttention oracle =
        pattern instanceof SparseAttentionSpec sparse
            ? ReferenceAttention.of(sparse)
            : ReferenceAttention.of((DilatedAttentionSpec) pattern);
    AttentionTensor q = copy(inputs[0]);
    AttentionTensor k = copy(inputs[1]);
    AttentionTensor v = copy(inputs[2]);
    ReferenceAttention.Forward forward = oracle.forward(q, k, v);
    ReferenceAttention.Backward backward = oracle.backward(q, k, v, copy(inputs[3]), mode);

    AttentionOperator operator = kind.of(pattern, mode);
    AttentionOperator.Output output = operator.forward(inputs[0], inputs[1], inputs[2]);
    AttentionOperator.Gradients gradients =
        operator.backward(inputs[0], inputs[1], inputs[2], output, inputs[3]);
    long[] shape = {batch, tokens, heads, size};
    // Half a unit in the last place of bfloat16 for out; its rounding enters delta, and gradients
    // are rounded again.
    double tolerance = bfloat16 ? 1.0 / 128 : 2e-6;
    assertClose("out", output.out(), tensor(forward.out(), shape), tolerance);
    assertClose("lse", output.lse(), tensor(forward.lse(), batch, heads, tokens), 2e-6);
    assertClose("gradQ", gradients.gradQ(), tensor(backward.gradQ(), shape), tolerance);
    assertClose("gradK", gradients.gradK(), tensor(backward.gradK(), shape), tolerance);
    assertClose("gradV", gradients.gradV(), tensor(backward.gradV(), shape), tolerance);
    assertThat(output.out().scalar_type().intern()).isEqualTo(inputs[0].scalar_type().intern());
    assertThat(gradients.gradK().scalar_type().intern())
        .isEqualTo(inputs[0].scalar_type().intern());
  }

  private static AttentionPattern pattern(Random random) {
    boolean causal = random.nextBoolean();
    switch (random.nextInt(6)) {
      case 0 -> {
        return DilatedAttentionSpec.dense(causal);
      }
      case 1 -> {
        long block = 2 + random.nextInt(20);
        return new SparseAttentionSpec(block, 1 + random.nextLong(block), causal);
      }
      default -> {
        List<Branch> branches = new ArrayList<>();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
          branches.add(branch(random, causal, 1 + random.nextInt(70), 1 + random.nextInt(9)));
        }
        return new DilatedAttentionSpec(branches, causal, HeadOffsets.values()[random.nextInt(2)]);
      }
    }
  }

  /// One of the paper's, or one that slides, takes keys alone, stands on some heads, begins
  /// earlier.
  private static Branch branch(Random random, boolean causal, long length, long dilation) {
    if (random.nextBoolean()) {
      return new Branch(length, dilation);
    }
    return new Branch(
        length,
        dilation,
        Branch.Window.values()[causal ? random.nextInt(3) : 0],
        Branch.Dilate.values()[random.nextInt(2)],
        random.nextBoolean() ? List.of() : List.of(random.nextInt(2), 2 + random.nextInt(3)),
        random.nextLong(length));
  }

  /// Standard normal values in one of the layouts a model produces: dense, heads before tokens, a
  /// slice of a joint projection.
  private static Tensor anyLayout(
      Random random, boolean bfloat16, long batch, long tokens, int heads, int size) {
    Tensor values =
        switch (random.nextInt(3)) {
          case 0 -> normal(random, batch, tokens, heads, size);
          case 1 -> normal(random, batch, heads, tokens, size).transpose(1, 2);
          default -> normal(random, batch, tokens, 3L * heads, size).narrow(2, heads, heads);
        };
    return bfloat16 ? values.to(ScalarType.BFloat16) : values;
  }

  private static AttentionTensor copy(Tensor t) {
    Tensor dense = t.to(ScalarType.Float).contiguous();
    MemorySegment memory =
        MemorySegment.ofArray(TensorMemory.of(dense).toArray(ValueLayout.JAVA_FLOAT));
    return AttentionTensor.contiguous(
        memory, ElementType.FLOAT32, t.size(0), t.size(1), (int) t.size(2), (int) t.size(3));
  }

  /// A query's window starts before its own rows here: folds that are neither a whole rectangle nor
  /// a plain triangle.
  @ParameterizedTest
  @MethodSource("kinds")
  void blockwiseCausalPatternIsTheSameOnEveryKernel(OperatorKind kind) {
    for (int seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      try (PointerScope scope = new PointerScope()) {
        AttentionPattern inner =
            new DilatedAttentionSpec(
                List.of(
                    branch(random, true, 1 + random.nextInt(9), 1),
                    branch(random, true, 1 + random.nextInt(32), 1 + random.nextInt(3))),
                true);
        AttentionPattern pattern = new BlockwiseCausalPattern(inner, 4 + random.nextInt(12));
        Tensor[] x = new Tensor[4];
        Arrays.setAll(x, i -> normal(random, 2, 60, 3, 8));
        AttentionOperator reference = OperatorKind.SCALAR.of(pattern, GradientMode.EXACT);
        AttentionOperator operator = kind.of(pattern, GradientMode.EXACT);
        AttentionOperator.Output expected = reference.forward(x[0], x[1], x[2]);
        AttentionOperator.Output actual = operator.forward(x[0], x[1], x[2]);
        assertClose("seed " + seed + " out", actual.out(), expected.out(), 3e-6);
        assertClose("seed " + seed + " lse", actual.lse(), expected.lse(), 3e-6);
        AttentionOperator.Gradients e = reference.backward(x[0], x[1], x[2], expected, x[3]);
        AttentionOperator.Gradients a = operator.backward(x[0], x[1], x[2], actual, x[3]);
        assertClose("seed " + seed + " gradQ", a.gradQ(), e.gradQ(), 3e-6);
        assertClose("seed " + seed + " gradK", a.gradK(), e.gradK(), 3e-6);
        assertClose("seed " + seed + " gradV", a.gradV(), e.gradV(), 3e-6);
      }
    }
  }

  /// Keys before all queries are one rectangle, whatever their strides: a call of a kernel each.
  @Test
  void rectanglesStayWhole() {
    assertThat(groups(new SparseAttentionSpec(64, 4, true), 1)).hasSize(7);
    Branch.Window two = Branch.Window.TWO_SEGMENTS;
    Branch near = new Branch(64, 1, two, Branch.Dilate.BOTH, List.of(), 0);
    assertThat(groups(new DilatedAttentionSpec(List.of(near), true), 1)).hasSize(1);
    Branch far = new Branch(64, 4, two, Branch.Dilate.KEYS, List.of(), 0);
    assertThat(groups(new DilatedAttentionSpec(List.of(far), true), 1)).hasSize(1);
  }

  private static List<FoldGroup> groups(AttentionPattern pattern, int branch) {
    return FoldGroup.of(pattern, 1, 512).get(branch);
  }
}
