package dev.longnet.lm.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.ReferenceAttention;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.BlockwiseCausalPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.NativePointers;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What every attention operator promises, on every kernel there is.
class AttentionOperatorTest {
  private static final Path GOLDEN =
      Path.of("../longnet-attention/src/test/resources/golden/attention");

  enum Kind {
    SIMD,
    SCALAR,
    /// bfloat16 through libtorch's products of matrices.
    MATRIX,
    FLASH,
    PLAIN,
    /// The libtorch operator on a GPU; inputs and results are the CPU's.
    CUDA;

    /// Every kind this machine can run.
    static Stream<Kind> all() {
      return Stream.of(values())
          .filter(kind ->
              switch (kind) {
                case MATRIX -> AttentionOperators.bfloatProducts().isPresent();
                case CUDA -> Torch.hasCuda();
                default -> true;
              });
    }

    AttentionOperator of(AttentionPattern pattern, GradientMode mode) {
      AttentionOptions options = AttentionOptions.defaults().withThreads(2);
      return switch (this) {
        case SIMD ->
            new JavaAttentionOperator(
                DilatedAttention.of(pattern, options.withKernel(KernelChoice.SIMD)), mode);
        case SCALAR ->
            new JavaAttentionOperator(
                DilatedAttention.of(pattern, options.withKernel(KernelChoice.SCALAR)), mode);
        case MATRIX ->
            new JavaAttentionOperator(
                DilatedAttention.of(
                    pattern,
                    options.withProducts(AttentionOperators.bfloatProducts().orElseThrow())),
                mode);
        case FLASH -> new TorchAttentionOperator(pattern, mode);
        case PLAIN -> new TorchAttentionOperator(pattern, mode, q -> new PlainFlash());
        case CUDA -> new OnGpu(new TorchAttentionOperator(pattern, mode));
      };
    }
  }

  record OnGpu(AttentionOperator operator) implements AttentionOperator {
    @Override
    public Output forward(Tensor q, Tensor k, Tensor v) {
      Output output = operator.forward(gpu(q), gpu(k), gpu(v));
      return new Output(output.out().cpu(), output.lse().cpu());
    }

    @Override
    public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
      Output there = new Output(gpu(output.out()), gpu(output.lse()));
      Gradients g = operator.backward(gpu(q), gpu(k), gpu(v), there, gpu(gradOut));
      return new Gradients(g.gradQ().cpu(), g.gradK().cpu(), g.gradV().cpu());
    }

    /// With the strides it has.
    private static Tensor gpu(Tensor x) {
      long[] shape = AttentionInputs.shape(x);
      long[] strides = new long[shape.length];
      Arrays.setAll(strides, x::stride);
      boolean expanded = Arrays.stream(strides).anyMatch(stride -> stride == 0);
      if (x.numel() == 0 || x.is_contiguous() || expanded) {
        return x.cuda();
      }
      long span = 1;
      for (int i = 0; i < shape.length; i++) {
        span += (shape[i] - 1) * strides[i];
      }
      Tensor there =
          torch
              .empty(span)
              .to(x.scalar_type())
              .cuda()
              .as_strided(shape, strides, new LongOptional());
      return there.copy_(x);
    }

    @Override
    public String describe() {
      return operator.describe();
    }
  }

  @BeforeAll
  static void load() {
    Torch.load();
  }

  static Stream<Kind> kinds() {
    return Kind.all();
  }

  static Stream<Arguments> golden() throws IOException {
    try (Stream<Path> files = Files.list(GOLDEN)) {
      return files.sorted().toList().stream()
          .flatMap(file -> Kind.all().map(kind -> new Arguments(file, kind)));
    }
  }

  record Arguments(Path file, Kind kind) {
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

  /// Float32 sums of up to some thousand terms of order 1: a few units of 6e-8 of the largest
  /// value.
  private static void assertClose(String what, Tensor actual, Tensor expected) {
    assertClose(what, actual, expected, 1e-6);
  }

  private static void assertClose(String what, Tensor actual, Tensor expected, double tolerance) {
    assertThat(AttentionInputs.shape(actual)).as(what).isEqualTo(AttentionInputs.shape(expected));
    Tensor a = actual.to(ScalarType.Double);
    Tensor e = expected.to(ScalarType.Double);
    assertThat(a.isneginf().equal(e.isneginf())).as(what + " -inf").isTrue();
    double largest = Math.max(1, finite(e).abs().max().item_double());
    double error = finite(a).sub(finite(e)).abs().max().item_double();
    assertThat(error).as(what).isLessThanOrEqualTo(tolerance * largest);
  }

  private static Tensor finite(Tensor x) {
    return x.masked_fill(x.isneginf(), new Scalar(0.0));
  }

  /// Random shapes, branches, strides and types against the float64 oracle.
  @ParameterizedTest
  @MethodSource("kinds")
  void equalsTheOracleOnRandomShapes(Kind kind) {
    for (int seed = 0; seed < 120; seed++) {
      Random random = new Random(seed);
      try (PointerScope scope = new PointerScope()) {
        checkRandom(kind, random);
      } catch (Throwable e) {
        throw new AssertionError(kind + " seed " + seed + ": " + e.getMessage(), e);
      }
    }
  }

  private static void checkRandom(Kind kind, Random random) {
    int heads = 1 + random.nextInt(7);
    int size = new int[] {1, 3, 8, 16, 20, 64}[random.nextInt(6)];
    long batch = 1 + random.nextInt(3);
    long tokens = new long[] {1, 2, 7, 33, 64, 65}[random.nextInt(6)];
    AttentionPattern pattern = pattern(random);
    boolean bfloat16 = random.nextInt(4) == 0;
    Tensor[] inputs = new Tensor[4];
    for (int i = 0; i < 4; i++) {
      inputs[i] = tensor(random, bfloat16, batch, tokens, heads, size);
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
          branches.add(new Branch(1 + random.nextInt(70), 1 + random.nextInt(9)));
        }
        return new DilatedAttentionSpec(branches, causal, HeadOffsets.values()[random.nextInt(2)]);
      }
    }
  }

  /// Standard normal values in one of the layouts a model produces: dense, heads before tokens, a
  /// slice of a joint projection.
  private static Tensor tensor(
      Random random, boolean bfloat16, long batch, long tokens, int heads, int size) {
    Tensor values =
        switch (random.nextInt(3)) {
          case 0 -> normal(random, batch, tokens, heads, size);
          case 1 -> normal(random, batch, heads, tokens, size).transpose(1, 2);
          default -> normal(random, batch, tokens, 3L * heads, size).narrow(2, heads, heads);
        };
    return bfloat16 ? values.to(ScalarType.BFloat16) : values;
  }

  private static Tensor normal(Random random, long... shape) {
    long count = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    double[] values = random.doubles(count).toArray();
    Arrays.setAll(values, i -> random.nextGaussian());
    return tensor(values, shape).to(ScalarType.Float);
  }

  private static Tensor tensor(double[] values, long... shape) {
    MemorySegment memory = Arena.ofAuto().allocate(8L * Math.max(1, values.length), 64);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_DOUBLE, 0, values.length);
    return TensorMemory.view(memory, ScalarType.Double, shape);
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
  void blockwiseCausalPatternIsTheSameOnEveryKernel(Kind kind) {
    for (int seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      try (PointerScope scope = new PointerScope()) {
        AttentionPattern inner =
            new DilatedAttentionSpec(
                List.of(
                    new Branch(1 + random.nextInt(9), 1),
                    new Branch(1 + random.nextInt(32), 1 + random.nextInt(3))),
                true);
        AttentionPattern pattern = new BlockwiseCausalPattern(inner, 4 + random.nextInt(12));
        Tensor[] x = new Tensor[4];
        Arrays.setAll(x, i -> normal(random, 2, 60, 3, 8));
        AttentionOperator reference = Kind.SCALAR.of(pattern, GradientMode.EXACT);
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

  @ParameterizedTest
  @MethodSource("kinds")
  void takesExpandedGradientsAndInputsThatRequireOne(Kind kind) {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.randn(1, 9, 2, 4);
      x.set_requires_grad(true);
      AttentionOperator operator = kind.of(DilatedAttentionSpec.dense(true), GradientMode.EXACT);
      AttentionOperator.Output output = operator.forward(x, x, x);
      assertThat(output.out().requires_grad()).isFalse();
      Tensor ones = torch.ones(1).expand(1, 9, 2, 4);
      AttentionOperator.Gradients expected =
          operator.backward(x, x, x, output, torch.ones(1, 9, 2, 4));
      AttentionOperator.Gradients actual = operator.backward(x, x, x, output, ones);
      assertThat(actual.gradV().equal(expected.gradV())).isTrue();
      // Every attention row sums to one: what V gets is what the queries give.
      assertThat(actual.gradV().sum().item_double()).isCloseTo(9 * 2 * 4, within(1e-4));
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void emptySequencesAndBatches(Kind kind) {
    try (PointerScope scope = new PointerScope()) {
      for (long[] shape : new long[][] {{1, 0, 2, 4}, {0, 5, 2, 4}}) {
        Tensor x = torch.zeros(shape);
        AttentionOperator operator = kind.of(DilatedAttentionSpec.paper(true), GradientMode.EXACT);
        AttentionOperator.Output output = operator.forward(x, x, x);
        assertThat(AttentionInputs.shape(output.out())).isEqualTo(shape);
        assertThat(AttentionInputs.shape(output.lse()))
            .containsExactly(shape[0], shape[2], shape[1]);
        assertThat(AttentionInputs.shape(operator.backward(x, x, x, output, x).gradQ()))
            .isEqualTo(shape);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void refusesWhatDoesNotFitInOneLine(Kind kind) {
    try (PointerScope scope = new PointerScope()) {
      AttentionOperator operator = kind.of(DilatedAttentionSpec.dense(true), GradientMode.EXACT);
      Tensor q = torch.zeros(1, 4, 2, 8);
      assertThatThrownBy(() -> operator.forward(q, torch.zeros(1, 5, 2, 8), q))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("k must have the shape of q, [1, 4, 2, 8]: [1, 5, 2, 8]");
      assertThatThrownBy(() -> operator.forward(q, q, q.to(ScalarType.BFloat16)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("v must have the type");
      assertThatThrownBy(() -> operator.forward(q.transpose(2, 3), q, q))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("contiguous in its last dimension");
      assertThatThrownBy(() -> operator.forward(q.select(0, 0), q, q))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("[batch, tokens, heads, head size]");
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void leavesNothingBehind(Kind kind) throws InterruptedException {
    AttentionOperator operator =
        kind.of(
            DilatedAttentionSpec.of(
                new long[] {8, 32}, new long[] {1, 3}, true, HeadOffsets.INTERLEAVED),
            GradientMode.EXACT);
    Runnable step =
        () -> {
          try (PointerScope scope = new PointerScope()) {
            Tensor x = torch.randn(2, 40, 4, 8);
            AttentionOperator.Output output = operator.forward(x, x, x);
            operator.backward(x, x, x, output, x);
          }
        };
    step.run();
    long before = NativePointers.settled();
    for (int i = 0; i < 20; i++) {
      step.run();
    }
    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void manyThreadsMayCallOneOperator(Kind kind) throws Exception {
    AttentionOperator operator =
        kind.of(
            DilatedAttentionSpec.of(
                new long[] {8, 32}, new long[] {1, 3}, true, HeadOffsets.INTERLEAVED),
            GradientMode.EXACT);
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Boolean>> equal = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        long tokens = 30 + i;
        equal.add(
            threads.submit(() -> {
              try (PointerScope scope = new PointerScope()) {
                Tensor x = torch.randn(1, tokens, 4, 8);
                Tensor first = operator.forward(x, x, x).out();
                return torch.allclose(operator.forward(x, x, x).out(), first);
              }
            }));
      }
      for (Future<Boolean> result : equal) {
        assertThat(result.get()).isTrue();
      }
    }
  }

  @Test
  void javaKernelsRefuseOtherTypes() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.zeros(1, 4, 2, 8).to(ScalarType.Double);
      AttentionOperator operator =
          Kind.SCALAR.of(DilatedAttentionSpec.dense(true), GradientMode.EXACT);
      assertThatThrownBy(() -> operator.forward(x, x, x))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("q must be float32 or bfloat16 for the Java kernels: Double");
    }
  }

  /// Paper's branches on a GPU: bfloat16 through the flash kernel, float32 through matrix products.
  @Test
  @Tag("gpu")
  void gpuEqualsCpu() {
    try (PointerScope scope = new PointerScope()) {
      AttentionPattern pattern =
          DilatedAttentionSpec.of(
              new long[] {64, 128, 512}, new long[] {1, 2, 6}, true, HeadOffsets.INTERLEAVED);
      for (GradientMode mode : GradientMode.values()) {
        AttentionOperator operator = Kind.FLASH.of(pattern, mode);
        for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
          Random random = new Random(7);
          Tensor[] x = new Tensor[4];
          Arrays.setAll(x, i -> normal(random, 2, 700, 4, 64).to(type));
          AttentionOperator.Output expected = operator.forward(x[0], x[1], x[2]);
          AttentionOperator.Gradients e = operator.backward(x[0], x[1], x[2], expected, x[3]);
          Tensor[] y = Arrays.stream(x).map(Tensor::cuda).toArray(Tensor[]::new);
          AttentionOperator.Output actual = operator.forward(y[0], y[1], y[2]);
          AttentionOperator.Gradients a = operator.backward(y[0], y[1], y[2], actual, y[3]);
          double tolerance = type == ScalarType.Float ? 1e-4 : 2e-2;
          assertClose("out", actual.out().cpu(), expected.out(), tolerance);
          assertClose("lse", actual.lse().cpu(), expected.lse(), tolerance);
          assertClose("gradQ", a.gradQ().cpu(), e.gradQ(), tolerance);
          assertClose("gradK", a.gradK().cpu(), e.gradK(), tolerance);
          assertClose("gradV", a.gradV().cpu(), e.gradV(), tolerance);
        }
      }
    }
  }

  /// More segments than the kernel's grid holds sequences.
  @Test
  @Tag("gpu")
  void gpuTakesManySegments() {
    try (PointerScope scope = new PointerScope()) {
      AttentionPattern pattern =
          DilatedAttentionSpec.of(
              new long[] {2, 6}, new long[] {1, 2}, true, HeadOffsets.INTERLEAVED);
      Random random = new Random(3);
      Tensor[] x = new Tensor[4];
      Arrays.setAll(x, i -> normal(random, 1, 200_001, 2, 8).to(ScalarType.BFloat16));
      AttentionOperator here = Kind.SIMD.of(pattern, GradientMode.EXACT);
      AttentionOperator there = Kind.CUDA.of(pattern, GradientMode.EXACT);
      AttentionOperator.Output expected = here.forward(x[0], x[1], x[2]);
      AttentionOperator.Output actual = there.forward(x[0], x[1], x[2]);
      assertClose("out", actual.out(), expected.out(), 2e-2);
      assertClose("lse", actual.lse(), expected.lse(), 1e-4);
      AttentionOperator.Gradients e = here.backward(x[0], x[1], x[2], expected, x[3]);
      AttentionOperator.Gradients a = there.backward(x[0], x[1], x[2], actual, x[3]);
      assertClose("gradQ", a.gradQ(), e.gradQ(), 2e-2);
      assertClose("gradK", a.gradK(), e.gradK(), 2e-2);
      assertClose("gradV", a.gradV(), e.gradV(), 2e-2);
    }
  }
}
