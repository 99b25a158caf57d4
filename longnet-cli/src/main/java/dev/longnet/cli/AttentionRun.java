// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Floats;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.attention.TorchAttentionOperator;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// One implementation of the operator on tensors of a file. Results are float32: `out`, `lse`, and,
/// where the input has gradOut, `grad_q`, `grad_k`, `grad_v`.
interface AttentionRun {
  /// Which kernel, in one line.
  String kernel();

  /// @param arena owns the results
  List<TensorEntry> compute(AttentionInput input, Arena arena);

  /// Java's kernels: they read the file's memory in place; libtorch is not loaded.
  ///
  /// @throws EnvironmentException when a forced kernel cannot run here
  static AttentionRun java(
      DilatedAttentionSpec pattern, AttentionOptions options, GradientMode mode) {
    DilatedAttention attention;
    try {
      attention = DilatedAttention.of(pattern, options);
    } catch (IllegalStateException e) {
      throw new EnvironmentException(String.valueOf(e.getMessage()), e);
    }
    return new AttentionRun() {
      @Override
      public String kernel() {
        return attention.describe();
      }

      @Override
      public List<TensorEntry> compute(AttentionInput input, Arena arena) {
        long[] shape = input.q().shape();
        AttentionTensor q = tensor(input.q(), arena);
        AttentionTensor k = tensor(input.k(), arena);
        AttentionTensor v = tensor(input.v(), arena);
        List<TensorEntry> results = new ArrayList<>();
        TensorEntry out = result("out", arena, results, shape);
        MemorySegment lse = result("lse", arena, results, shape[0], shape[2], shape[1]).data();
        attention.forward(new Qkv(q, k, v), new AttentionOutput(tensor(out, arena), lse));
        if (input.gradOut() != null) {
          AttentionTensor gradQ = tensor(result("grad_q", arena, results, shape), arena);
          AttentionTensor gradK = tensor(result("grad_k", arena, results, shape), arena);
          AttentionTensor gradV = tensor(result("grad_v", arena, results, shape), arena);
          AttentionTensor gradOut = tensor(input.gradOut(), arena);
          attention.backward(
              new Qkv(q, k, v),
              new AttentionOutput(tensor(out, arena), lse),
              gradOut,
              new Qkv(gradQ, gradK, gradV),
              mode);
        }
        return results;
      }
    };
  }

  /// Java's kernels with libtorch's products of bfloat16 matrices.
  ///
  /// @throws EnvironmentException when this processor has no units for them
  static AttentionRun matrix(
      DilatedAttentionSpec pattern, AttentionOptions options, GradientMode mode) {
    return java(
        pattern,
        options
            .withKernel(KernelChoice.SIMD)
            .withProducts(
                AttentionOperators.bfloatProducts()
                    .orElseThrow(() ->
                        new EnvironmentException(
                            "the matrix kernel was asked for, but this processor has neither AMX nor Zen 4's "
                                + "AVX-512 BF16, or ONEDNN_MAX_CPU_ISA keeps libtorch from it"))),
        mode);
  }

  /// libtorch's flash kernels on the CPU.
  static AttentionRun torch(DilatedAttentionSpec pattern, int threads, GradientMode mode) {
    AttentionOperator operator = new TorchAttentionOperator(pattern, mode);
    return new AttentionRun() {
      @Override
      public String kernel() {
        try (TorchThreads _ = Torch.threads(threads)) {
          return operator.describe();
        }
      }

      @Override
      public List<TensorEntry> compute(AttentionInput input, Arena arena) {
        long[] shape = input.q().shape();
        List<TensorEntry> results = new ArrayList<>();
        try (TorchThreads _ = Torch.threads(threads);
            PointerScope scope = new PointerScope()) {
          Tensor q = view(input.q(), arena);
          Tensor k = view(input.k(), arena);
          Tensor v = view(input.v(), arena);
          AttentionOperator.Output output = operator.forward(q, k, v);
          copy(output.out(), result("out", arena, results, shape));
          copy(output.lse(), result("lse", arena, results, shape[0], shape[2], shape[1]));
          if (input.gradOut() != null) {
            AttentionOperator.Gradients gradients =
                operator.backward(q, k, v, output, view(input.gradOut(), arena));
            copy(gradients.gradQ(), result("grad_q", arena, results, shape));
            copy(gradients.gradK(), result("grad_k", arena, results, shape));
            copy(gradients.gradV(), result("grad_v", arena, results, shape));
          }
        }
        return results;
      }
    };
  }

  private static TensorEntry result(
      String name, Arena arena, List<TensorEntry> results, long... shape) {
    long bytes = 4;
    for (long size : shape) {
      bytes = Math.multiplyExact(bytes, size);
    }
    TensorEntry entry = new TensorEntry(name, DType.F32, shape, arena.allocate(bytes, 64));
    results.add(entry);
    return entry;
  }

  /// float32 and bfloat16 as they are, the others as float32.
  private static AttentionTensor tensor(TensorEntry entry, Arena arena) {
    TensorEntry readable = entry.type() == DType.BF16 ? entry : Floats.toFloat32(entry, arena);
    ElementType type = readable.type() == DType.BF16 ? ElementType.BFLOAT16 : ElementType.FLOAT32;
    long[] shape = entry.shape();
    return AttentionTensor.contiguous(
        readable.data(), type, shape[0], shape[1], (int) shape[2], (int) shape[3]);
  }

  private static Tensor view(TensorEntry entry, Arena arena) {
    return TensorMemory.view(Floats.toFloat32(entry, arena));
  }

  private static void copy(Tensor from, TensorEntry to) {
    to.data().copyFrom(TensorMemory.of(from.contiguous()));
  }
}
