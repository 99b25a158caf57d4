// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.Activation;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.lm.loops.RowLoops;
import dev.longnet.lm.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The loops of the CPU do what libtorch's operators do, which is what GPUs compute.
class RowwiseTest {
  private static final int ROWS = 37;
  private static final int WIDTH = 48;
  private static final int PAIRS = 6;

  enum Type {
    FLOAT32(ScalarType.Float, 4e-6),
    BFLOAT16(ScalarType.BFloat16, 8e-3);

    private final ScalarType scalar;
    private final double tolerance;

    Type(ScalarType scalar, double tolerance) {
      this.scalar = scalar;
      this.tolerance = tolerance;
    }
  }

  /// One method of the interface.
  private interface Call {
    /// @return what it wrote
    List<Tensor> on(Rowwise rowwise);
  }

  @BeforeAll
  static void load() {
    Torch.load();
  }

  private static void check(Type type, Function<Norm, Call> call) {
    ModelConfig model =
        new ModelConfig(
            11,
            1,
            WIDTH,
            4,
            2 * WIDTH,
            Activation.GELU,
            PositionEncoding.ROPE,
            512,
            false,
            true,
            List.of(new AttentionConfig.Dense()));
    torch.manual_seed(3);
    try (PointerScope _ = new PointerScope();
        Parameters parameters = Parameters.allocate(Blueprint.of(model), "cpu")) {
      Norm norm = new Norm(parameters, "layer_norm");
      norm.gain().copy_(torch.randn(WIDTH));
      norm.bias().copy_(torch.randn(WIDTH));
      Call made = call.apply(norm);
      List<Tensor> expected = made.on(new TorchRowwise());
      List<Tensor> results = made.on(new LoopRowwise(RowLoops.best(), null));
      for (int i = 0; i < expected.size(); i++) {
        assertThat(Compare.relative(results.get(i), expected.get(i)))
            .as("result %d", i)
            .isLessThan(type.tolerance);
      }
    }
  }

  /// Rows of a wider buffer, as q, k and v lie.
  private static Tensor rows(Type type, long width) {
    return torch.randn(ROWS, 3 * width).to(type.scalar).narrow(1, width, width);
  }

  private static Tensor copy(Tensor x) {
    return x.clone();
  }

  private static Tensor floats(long... shape) {
    return torch.randn(shape);
  }

  @ParameterizedTest
  @EnumSource
  void norms(Type type) {
    Tensor x = floats(ROWS, WIDTH);
    Tensor narrow = rows(type, WIDTH);
    check(
        type,
        norm ->
            rowwise ->
                Stream.of(x, narrow)
                    .map(from -> {
                      Tensor out = torch.zeros(ROWS, WIDTH).to(type.scalar);
                      rowwise.norm(from, norm, out);
                      return out;
                    })
                    .toList());
  }

  @ParameterizedTest
  @EnumSource
  void normsBackward(Type type) {
    Tensor x = floats(ROWS, WIDTH);
    Tensor gradOut = rows(type, WIDTH);
    Tensor before = floats(ROWS, WIDTH);
    check(
        type,
        norm ->
            rowwise -> {
              List<Tensor> all = new ArrayList<>();
              for (boolean add : new boolean[] {true, false}) {
                Tensor out = torch.zeros(ROWS, WIDTH).to(type.scalar);
                Tensor gradX = copy(before);
                Tensor gain = torch.ones(WIDTH);
                Tensor bias = torch.ones(WIDTH);
                rowwise.normBackward(x, norm, gradOut, out, gradX, add, gain, bias);
                all.addAll(List.of(out, gradX, gain, bias));
              }
              Tensor inPlace = copy(gradOut);
              Tensor narrow = gradOut.mul(new Scalar(0.5));
              rowwise.normBackward(
                  narrow,
                  norm,
                  inPlace,
                  null,
                  inPlace,
                  false,
                  torch.zeros(WIDTH),
                  torch.zeros(WIDTH));
              all.add(inPlace);
              return all;
            });
  }

  @ParameterizedTest
  @EnumSource
  void sums(Type type) {
    Tensor x = floats(ROWS, WIDTH);
    Tensor y = rows(type, WIDTH);
    Tensor b = floats(WIDTH);
    check(
        type,
        norm ->
            rowwise -> {
              List<Tensor> all = new ArrayList<>();
              for (Tensor shift : new Tensor[] {b, null}) {
                Tensor sum = copy(x);
                rowwise.add(sum, y, shift, sum);
                Tensor second = torch.zeros(ROWS, WIDTH);
                Tensor out = torch.zeros(ROWS, WIDTH).to(type.scalar);
                rowwise.addNorm(x, y, shift, second, norm, out);
                all.addAll(List.of(sum, second, out));
              }
              Tensor narrow = torch.zeros(ROWS, WIDTH).to(type.scalar);
              Tensor columns = torch.ones(WIDTH);
              rowwise.copy(x, narrow, columns);
              all.addAll(List.of(narrow, columns));
              return all;
            });
  }

  @ParameterizedTest
  @EnumSource
  void activations(Type type) {
    Tensor x = rows(type, WIDTH);
    Tensor gradOut = rows(type, WIDTH);
    Tensor b = floats(WIDTH);
    check(
        type,
        norm ->
            rowwise -> {
              List<Tensor> all = new ArrayList<>();
              for (Activation a : Activation.values()) {
                for (Tensor shift : new Tensor[] {b, null}) {
                  Tensor first = torch.zeros(ROWS, WIDTH).to(type.scalar);
                  rowwise.activateNorm(a, x, shift, norm, first);
                  Tensor out = torch.zeros(ROWS, WIDTH).to(type.scalar);
                  Tensor gradX = copy(gradOut);
                  Tensor gradB = torch.ones(WIDTH);
                  Tensor gain = torch.ones(WIDTH);
                  Tensor bias = torch.ones(WIDTH);
                  rowwise.activateNormBackward(
                      a, x, shift, norm, gradX, out, gradX, gradB, gain, bias);
                  all.addAll(List.of(first, out, gradX, gradB, gain, bias));
                }
              }
              return all;
            });
  }

  @ParameterizedTest
  @EnumSource
  void rotations(Type type) {
    Tensor x = rows(type, WIDTH);
    Tensor b = floats(WIDTH);
    Tensor factors = torch.view_as_complex(floats(ROWS, PAIRS, 2));
    check(
        type,
        _ ->
            rowwise -> {
              List<Tensor> all = new ArrayList<>();
              for (Tensor by : new Tensor[] {factors, null}) {
                Tensor there = x.to(type.scalar).clone();
                rowwise.rotate(there, b, by);
                Tensor back = x.to(type.scalar).clone();
                Tensor sums = torch.ones(WIDTH);
                rowwise.rotateBackward(back, by, sums);
                all.addAll(List.of(there, back, sums));
              }
              return all;
            });
  }

  @ParameterizedTest
  @EnumSource
  void convolutions(Type type) {
    int own = 20;
    Tensor b = floats(WIDTH);
    Tensor factors = torch.view_as_complex(floats(ROWS, PAIRS, 2));
    Tensor before = rows(type, WIDTH);
    Tensor gradOut = rows(type, WIDTH);
    check(
        type,
        _ ->
            rowwise -> {
              List<Tensor> all = new ArrayList<>();
              for (int count = 2; count <= 8; count++) {
                torch.manual_seed(count);
                Tensor taps = floats(count, 2 * WIDTH).narrow(1, 3, WIDTH);
                for (int around : new int[] {0, 1, count - 1}) {
                  Tensor by = count % 2 == 0 ? factors : null;
                  Tensor shift = count % 3 == 0 ? null : b;
                  Tensor there = torch.zeros(own, WIDTH).to(type.scalar);
                  Tensor first = by == null ? null : by.narrow(0, 0, own);
                  rowwise.convolve(before.narrow(0, 0, around + own), shift, taps, first, there);
                  Tensor back = torch.zeros(own, WIDTH).to(type.scalar);
                  Tensor gradTaps = torch.ones(count, WIDTH);
                  Tensor gradB = torch.ones(WIDTH);
                  rowwise.convolveBackward(
                      gradOut.narrow(0, 0, own + around),
                      before.narrow(0, 0, own),
                      shift,
                      taps,
                      by == null ? null : by.narrow(0, 0, own + around),
                      back,
                      gradTaps,
                      gradB);
                  all.addAll(List.of(there, back, gradTaps, gradB));
                }
              }
              return all;
            });
  }

  @ParameterizedTest
  @EnumSource
  void losses(Type type) {
    Tensor logits = torch.randn(ROWS, 300).mul(new Scalar(5)).to(type.scalar);
    Tensor targets = torch.randint(300, new long[] {ROWS}, torch.dtype(ScalarType.Long));
    check(
        type,
        _ ->
            rowwise -> {
              Tensor gradient = copy(logits);
              Tensor losses = torch.zeros(ROWS);
              rowwise.crossEntropy(gradient, targets, losses, 0.25);
              Tensor alone = torch.zeros(ROWS);
              rowwise.crossEntropy(copy(logits), targets, alone, 0);
              return List.of(gradient, losses, alone);
            });
  }
}
