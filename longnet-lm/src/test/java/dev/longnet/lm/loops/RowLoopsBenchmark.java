// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.core.config.Activation;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Each loop on one thread beside the libtorch operators it replaces, after both were seen to
/// compute the same. Best of some rounds in turns; GB/s count what a loop must read and write.
/// Arguments: names of loops to measure, all if none.
final class RowLoopsBenchmark {
  private static final int[][] SHAPES = {{512, 128}, {512, 512}, {1024, 768}, {1024, 3072}};
  private static final int ROUNDS = 7;
  private static final double ROUND_SECONDS = 0.006;

  private final RowLoops loops = new VectorRowLoops();
  private final List<String> names;
  private final List<Measured> cases = new ArrayList<>();

  /// @param results what both sides must have computed, ours first
  /// @param tolerance of a difference, relative to the largest
  private record Measured(
      String name,
      double bytes,
      Runnable ours,
      Supplier<Tensor[]> theirs,
      Tensor[] results,
      double tolerance) {}

  private RowLoopsBenchmark(List<String> names) {
    this.names = names;
  }

  public static void main(String[] args) {
    Torch.load();
    try (TorchThreads _ = Torch.threads(1);
        PointerScope _ = new PointerScope()) {
      new RowLoopsBenchmark(List.of(args)).run();
    }
  }

  private void run() {
    for (int[] shape : SHAPES) {
      for (ElementType type : ElementType.FAST) {
        cases(type, shape[0], shape[1]);
      }
    }
    cases.removeIf(c -> !names.isEmpty() && names.stream().noneMatch(c.name::startsWith));
    // Compiled before the first is timed: the compiler has much to do for a while.
    for (long end = System.nanoTime() + 12_000_000_000L; System.nanoTime() < end; ) {
      cases.stream().filter(c -> c.name.contains("128]")).forEach(c -> seconds(c.ours, 0.01));
    }
    System.out.printf(
        "%-44s %9s %9s %6s %6s%n", loops.description(), "ours us", "torch us", "ratio", "GB/s");
    for (Measured c : cases) {
      verify(c);
      double ours = Double.MAX_VALUE;
      double theirs = Double.MAX_VALUE;
      for (int i = 0; i < ROUNDS; i++) {
        ours = Math.min(ours, seconds(c.ours, ROUND_SECONDS));
        theirs = Math.min(theirs, seconds(() -> call(c.theirs), ROUND_SECONDS));
      }
      System.out.printf(
          "%-44s %9.1f %9.1f %6.2f %6.1f%n",
          c.name, ours * 1e6, theirs * 1e6, theirs / ours, c.bytes / ours / 1e9);
    }
  }

  private static void call(Supplier<Tensor[]> operators) {
    try (PointerScope _ = new PointerScope()) {
      operators.get();
    }
  }

  /// Seconds of a call.
  private static double seconds(Runnable call, double atLeast) {
    long start = System.nanoTime();
    long calls = 0;
    do {
      call.run();
      calls++;
    } while (System.nanoTime() - start < atLeast * 1e9);
    return (System.nanoTime() - start) / 1e9 / calls;
  }

  private static void verify(Measured c) {
    try (PointerScope _ = new PointerScope()) {
      for (Tensor result : c.results) {
        result.fill_(new Scalar(0.0));
      }
      c.ours.run();
      Tensor[] theirs = c.theirs.get();
      for (int i = 0; i < c.results.length; i++) {
        Tensor expected = theirs[i].to(ScalarType.Double);
        double error =
            c.results[i].to(ScalarType.Double).sub(expected).abs().max().item_double()
                / Math.max(expected.abs().max().item_double(), Float.MIN_NORMAL);
        if (!(error <= c.tolerance)) {
          throw new IllegalStateException(c.name + ", result " + i + ": off by " + error);
        }
      }
    }
  }

  private static Tensor random(ElementType type, double scale, long... shape) {
    return torch
        .randn(shape, new TensorOptions(ScalarType.Float))
        .mul_(new Scalar(scale))
        .to(type == ElementType.FLOAT32 ? ScalarType.Float : ScalarType.BFloat16);
  }

  private static RowBlock rows(Tensor x) {
    ElementType type =
        x.scalar_type().intern() == ScalarType.Float ? ElementType.FLOAT32 : ElementType.BFLOAT16;
    return RowBlock.dense(x.data_ptr().address(), type, (int) x.size(0), (int) x.size(1));
  }

  private static long address(Tensor x) {
    return x.data_ptr().address();
  }

  private void cases(ElementType type, int rows, int width) {
    String suffix = " %s [%d, %d]".formatted(type.name().toLowerCase(), rows, width);
    double elements = (double) rows * width;
    int bytes = type.bytes();
    double tolerance = type == ElementType.FLOAT32 ? 2e-5 : 1.6e-2;
    ScalarType scalar = type == ElementType.FLOAT32 ? ScalarType.Float : ScalarType.BFloat16;
    Tensor x = random(type, 1, rows, width);
    Tensor residual = random(ElementType.FLOAT32, 1, rows, width);
    Tensor gradOut = random(type, 1, rows, width);
    Tensor out = random(type, 1, rows, width);
    Tensor gradX = random(type, 1, rows, width);
    Tensor sum = random(ElementType.FLOAT32, 1, rows, width);
    Tensor gain = random(ElementType.FLOAT32, 1, width);
    Tensor bias = random(ElementType.FLOAT32, 1, width);
    Tensor zeros = random(ElementType.FLOAT32, 0, width);
    Tensor[] grads = new Tensor[3];
    for (int i = 0; i < 3; i++) {
      grads[i] = random(ElementType.FLOAT32, 1, width);
    }
    long[] shape = {width};
    TensorOptional weight = new TensorOptional(gain);
    TensorOptional shift = new TensorOptional(bias);
    BoolPointer all = new BoolPointer(3);
    all.put(0, true).put(1, true).put(2, true);
    RowBlock xs = rows(x);
    RowBlock outs = rows(out);
    RowBlock gradOuts = rows(gradOut);
    RowBlock gradXs = rows(gradX);
    RowBlock residuals = rows(residual);
    RowBlock sums = rows(sum);
    long g = address(gain);
    long b = address(bias);
    long z = address(zeros);

    add(
        "geluNorm" + suffix,
        2 * bytes * elements,
        tolerance,
        () -> loops.activateNorm(Activation.GELU, xs, z, g, b, outs),
        () ->
            new Tensor[] {
              torch.native_layer_norm(torch.gelu(x), shape, weight, shift, 1e-5).get0().to(scalar)
            },
        out);
    add(
        "geluNormBackward" + suffix,
        4 * bytes * elements,
        type == ElementType.FLOAT32 ? tolerance : 0.2, // libtorch rounds gelu(x) first
        () ->
            loops.activateNormBackward(
                Activation.GELU,
                xs,
                z,
                g,
                b,
                gradOuts,
                outs,
                gradXs,
                address(grads[0]),
                address(grads[1]),
                address(grads[2])),
        () -> {
          Tensor y = torch.gelu(x);
          T_TensorTensorTensor_T norm = torch.native_layer_norm(y, shape, weight, shift, 1e-5);
          T_TensorTensorTensor_T back =
              torch.native_layer_norm_backward(
                  gradOut, y, shape, norm.get1(), norm.get2(), weight, shift, all);
          Tensor gradient = torch.gelu_backward(back.get0(), x);
          Tensor columns =
              gradient.sum(new long[] {0}, false, new ScalarTypeOptional(ScalarType.Float));
          return new Tensor[] {norm.get0(), gradient, columns, back.get1(), back.get2()};
        },
        out,
        gradX,
        grads[0],
        grads[1],
        grads[2]);
    add(
        "norm" + suffix,
        (4 + bytes) * elements,
        tolerance,
        () -> loops.norm(residuals, g, b, outs),
        () ->
            new Tensor[] {
              torch.native_layer_norm(residual, shape, weight, shift, 1e-5).get0().to(scalar)
            },
        out);
    add(
        "normBackward" + suffix,
        (12 + bytes) * elements,
        tolerance,
        () ->
            loops.normBackward(
                residuals, g, b, gradOuts, null, sums, false, address(grads[1]), address(grads[2])),
        () -> {
          T_TensorTensorTensor_T norm =
              torch.native_layer_norm(residual, shape, weight, shift, 1e-5);
          T_TensorTensorTensor_T back =
              torch.native_layer_norm_backward(
                  gradOut.to(ScalarType.Float),
                  residual,
                  shape,
                  norm.get1(),
                  norm.get2(),
                  weight,
                  shift,
                  all);
          return new Tensor[] {back.get0(), back.get1(), back.get2()};
        },
        sum,
        grads[1],
        grads[2]);
    add(
        "add" + suffix,
        (8 + bytes) * elements,
        tolerance,
        () -> loops.add(residuals, xs, b, sums),
        () -> new Tensor[] {residual.add(x.add(bias))},
        sum);
    add(
        "addNorm" + suffix,
        (8 + 2 * bytes) * elements,
        tolerance,
        () -> loops.addNorm(residuals, xs, z, sums, g, b, outs),
        () -> {
          Tensor added = residual.add(x);
          return new Tensor[] {
            added, torch.native_layer_norm(added, shape, weight, shift, 1e-5).get0().to(scalar)
          };
        },
        sum,
        out);
    add(
        "copy to" + suffix,
        (4 + bytes) * elements,
        tolerance,
        () -> loops.copy(residuals, outs, 0),
        () -> new Tensor[] {gradX.copy_(residual)},
        out);
    add(
        "copy with sums" + suffix,
        (4 + bytes) * elements,
        tolerance,
        () -> loops.copy(xs, sums, address(grads[0])),
        () ->
            new Tensor[] {
              x.sum(new long[] {0}, false, new ScalarTypeOptional(ScalarType.Float)),
              x.to(ScalarType.Float)
            },
        grads[0],
        sum);
    int pairs = 16;
    Tensor factors =
        random(ElementType.FLOAT32, 0, rows, 2 * pairs).add_(new Scalar(Math.sqrt(0.5)));
    Tensor complex = torch.view_as_complex(factors.view(rows, 1, pairs, 2));
    add(
        "rotate" + suffix,
        2 * bytes * elements,
        tolerance,
        // In place: each side turns what the other left, so that only the tests compare them.
        () -> loops.rotate(outs, z, address(factors), pairs),
        () -> {
          Tensor wide = out.to(ScalarType.Float).view(rows, width / 2 / pairs, pairs, 2);
          return new Tensor[] {
            torch
                .view_as_real(torch.view_as_complex(wide).mul(complex))
                .view(rows, width)
                .to(scalar)
          };
        });
    add(
        "rotateBackward" + suffix,
        2 * bytes * elements,
        tolerance,
        () -> loops.rotateBackward(gradXs, address(factors), pairs, address(grads[0])),
        () -> {
          Tensor wide = gradX.to(ScalarType.Float).view(rows, width / 2 / pairs, pairs, 2);
          Tensor turned =
              torch
                  .view_as_real(torch.view_as_complex(wide).mul(complex))
                  .view(rows, width)
                  .to(scalar);
          return new Tensor[] {
            turned.sum(new long[] {0}, false, new ScalarTypeOptional(ScalarType.Float))
          };
        });
    Tensor targets = torch.zeros(new long[] {rows}, new TensorOptions(ScalarType.Long));
    Tensor losses = torch.zeros(new long[] {rows}, new TensorOptions(ScalarType.Float));
    add(
        "crossEntropy" + suffix,
        2 * bytes * elements,
        2e-5,
        () -> loops.crossEntropy(outs, address(targets), address(losses), 1e-3f),
        () -> {
          // Both sides over what the last call left: numbers around 0.
          Tensor wide = out.to(ScalarType.Float);
          Tensor largest = wide.amax(new long[] {1}, false);
          Tensor p = torch.softmax(wide, 1);
          Tensor lse = largest.sub(p.amax(new long[] {1}, false).log_());
          gradX.copy_(p.mul_(new Scalar(1e-3)));
          return new Tensor[] {lse};
        });
    if (type == ElementType.FLOAT32) {
      add(
          "squares" + suffix,
          4 * elements,
          0,
          () -> loops.squares(address(residual), (long) elements),
          () -> new Tensor[] {residual.norm()});
    }
  }

  private void add(
      String name,
      double bytes,
      double tolerance,
      Runnable ours,
      Supplier<Tensor[]> theirs,
      Tensor... results) {
    cases.add(new Measured(name, bytes, ours, theirs, results, tolerance));
  }
}
