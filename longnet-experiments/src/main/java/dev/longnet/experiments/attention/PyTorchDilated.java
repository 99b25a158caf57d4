// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.lm.torch.Operator;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Dilated attention as a PyTorch user writes it, with autograd: per branch cut into segments,
/// slice the kept rows of every head, gather heads into one call of scaled dot-product attention,
/// scatter the result back into place, mix branches by LSE.
///
/// The call is the operator that `scaled_dot_product_attention` dispatches to, taken by name
/// because the public function keeps its LSE to itself. That LSE has no gradient in PyTorch: the
/// mixing weights are held constant, as in torchscale. Every step is the operation that autograd
/// undoes most cheaply (views, diagonals, stack, pad), so the baseline is not slowed down by
/// clumsiness.
final class PyTorchDilated {
  private static final Operator CPU =
      Operator.named("aten::_scaled_dot_product_flash_attention_for_cpu");
  private static final Operator CUDA = Operator.named("aten::_scaled_dot_product_flash_attention");

  private final DilatedAttentionSpec spec;

  PyTorchDilated(DilatedAttentionSpec spec) {
    if (spec.headOffsets() != HeadOffsets.INTERLEAVED) {
      throw new IllegalArgumentException(
          "the PyTorch version has the paper's head offsets: " + spec.headOffsets());
    }
    this.spec = spec;
  }

  /// A branch's out [B, N, H, D] and lse [B, N, H], or a piece of them.
  private record Part(Tensor out, Tensor lse) {}

  /// @return out [B, N, H, D]
  Tensor attend(Tensor q, Tensor k, Tensor v) {
    List<Part> branches = new ArrayList<>();
    for (Branch branch : spec.segments()) {
      branches.add(branch(q, k, v, branch));
    }
    if (branches.size() == 1) {
      return branches.getFirst().out;
    }
    boolean gradients = GradMode.is_enabled();
    GradMode.set_enabled(false);
    TensorVector lse = new TensorVector();
    branches.forEach(part -> lse.push_back(part.lse));
    Tensor weights = torch.softmax(torch.stack(lse, 0), 0).nan_to_num();
    GradMode.set_enabled(gradients);
    Tensor sum = branches.getFirst().out.mul(weights.select(0, 0).unsqueeze(3));
    for (int i = 1; i < branches.size(); i++) {
      sum = sum.add(branches.get(i).out.mul(weights.select(0, i).unsqueeze(3)));
    }
    return sum.to(q.scalar_type()); // the weights are float32
  }

  /// Computes whole segments together, and a short last one after them.
  private Part branch(Tensor q, Tensor k, Tensor v, Branch branch) {
    long tokens = q.size(1);
    long length = Math.min(branch.segmentLength(), tokens);
    long whole = tokens / length * length;
    Part part =
        segments(
            q.narrow(1, 0, whole),
            k.narrow(1, 0, whole),
            v.narrow(1, 0, whole),
            length,
            branch.dilation());
    if (whole == tokens) {
      return part;
    }
    long rest = tokens - whole;
    Part last =
        segments(
            q.narrow(1, whole, rest),
            k.narrow(1, whole, rest),
            v.narrow(1, whole, rest),
            rest,
            branch.dilation());
    return new Part(
        torch.cat(new TensorVector(part.out, last.out), 1),
        torch.cat(new TensorVector(part.lse, last.lse), 1));
  }

  private Part segments(Tensor q, Tensor k, Tensor v, long length, long dilation) {
    long batch = q.size(0);
    long heads = q.size(2);
    long size = q.size(3);
    long count = q.size(1) / length;
    Tensor[] x = {q, k, v};
    for (int i = 0; i < 3; i++) {
      x[i] = x[i].reshape(batch * count, length, heads, size);
    }
    if (dilation == 1) {
      Tensor[] own = flash(x[0].transpose(1, 2), x[1].transpose(1, 2), x[2].transpose(1, 2));
      return new Part(
          own[0].transpose(1, 2).reshape(batch, count * length, heads, size),
          own[1].transpose(1, 2).reshape(batch, count * length, heads));
    }
    List<Part> groups =
        length % dilation == 0 ? oneCall(x, dilation) : callPerOffset(x, length, dilation);
    long rows = Math.ceilDiv(length, dilation);
    TensorVector outs = new TensorVector();
    TensorVector norms = new TensorVector();
    for (int s = 0; s < groups.size(); s++) {
      Part group = groups.get(s);
      outs.push_back(scattered(group.out, rows, s, dilation, 0).narrow(1, 0, length));
      norms.push_back(
          scattered(group.lse.unsqueeze(3), rows, s, dilation, Double.NEGATIVE_INFINITY)
              .narrow(1, 0, length)
              .select(3, 0));
    }
    return new Part(
        headsInOrder(outs, heads, dilation).reshape(batch, count * length, heads, size),
        headsInOrder(norms, heads, dilation).reshape(batch, count * length, heads));
  }

  /// Every offset keeps equally many rows: the heads of all offsets are gathered and attended to
  /// together.
  private List<Part> oneCall(Tensor[] x, long dilation) {
    long heads = x[0].size(2);
    Tensor[] gathered = new Tensor[3];
    List<Long> sizes = new ArrayList<>();
    for (long s = 0; s < Math.min(dilation, heads); s++) {
      sizes.add((heads - s - 1) / dilation + 1);
    }
    for (int i = 0; i < 3; i++) {
      if (heads % dilation == 0) {
        // Phase and offset are equal on a diagonal: one copy, and one to undo it, where slices are
        // undone one by one.
        gathered[i] =
            x[i].reshape(
                    x[i].size(0),
                    x[i].size(1) / dilation,
                    dilation,
                    heads / dilation,
                    dilation,
                    x[i].size(3))
                .diagonal(0, 2, 4)
                .permute(0, 4, 2, 1, 3)
                .flatten(1, 2);
        continue;
      }
      TensorVector slices = new TensorVector();
      for (long s = 0; s < sizes.size(); s++) {
        slices.push_back(kept(x[i], s, dilation));
      }
      gathered[i] = torch.cat(slices, 1);
    }
    Tensor[] own = flash(gathered[0], gathered[1], gathered[2]);
    List<Part> parts = new ArrayList<>();
    long from = 0;
    for (long size : sizes) {
      parts.add(new Part(own[0].narrow(1, from, size), own[1].narrow(1, from, size)));
      from += size;
    }
    return parts;
  }

  /// Offsets keep different numbers of rows, so each has a call of its own.
  private List<Part> callPerOffset(Tensor[] x, long length, long dilation) {
    List<Part> parts = new ArrayList<>();
    for (long s = 0; s < Math.min(dilation, x[0].size(2)); s++) {
      if (s >= length) { // a segment shorter than the dilation: these heads keep nothing
        Tensor none = kept(x[0], s, dilation);
        parts.add(new Part(none, none.sum(3)));
      } else {
        Tensor[] own =
            flash(kept(x[0], s, dilation), kept(x[1], s, dilation), kept(x[2], s, dilation));
        parts.add(new Part(own[0], own[1]));
      }
    }
    return parts;
  }

  /// The rows and heads of one offset: [B G, h, c, D].
  private static Tensor kept(Tensor x, long offset, long dilation) {
    return step(step(x, 1, offset, dilation), 2, offset, dilation).transpose(1, 2);
  }

  private static Tensor step(Tensor x, long dim, long first, long step) {
    return x.slice(dim, new LongOptional(Math.min(first, x.size(dim))), new LongOptional(), step);
  }

  private Tensor[] flash(Tensor q, Tensor k, Tensor v) {
    return q.is_cuda()
        ? CUDA.call(q, k, v, 0.0, spec.causal(), false, Optional.empty())
        : CPU.call(q, k, v, 0.0, spec.causal(), Optional.empty(), Optional.empty());
  }

  /// [B G, h, c, D] to [B G, rows r, h, D]: each kept row goes to its phase of r, the others get
  /// `empty`.
  private static Tensor scattered(
      Tensor kept, long rows, long offset, long dilation, double empty) {
    Tensor phase = kept.transpose(1, 2).unsqueeze(2);
    long missing = rows - kept.size(2);
    Tensor all =
        torch.constant_pad_nd(
            phase,
            new long[] {0, 0, 0, 0, offset, dilation - 1 - offset, 0, missing},
            new Scalar(empty));
    return all.reshape(all.size(0), rows * dilation, all.size(3), all.size(4));
  }

  /// Group s holds heads s, s + r, s + 2r, ...
  private static Tensor headsInOrder(TensorVector groups, long heads, long dilation) {
    if (heads % dilation == 0) {
      return torch.stack(groups, 3).flatten(2, 3);
    }
    Tensor grouped = torch.cat(groups, 2);
    if (heads < dilation) {
      return grouped;
    }
    Tensor order = torch.arange(new Scalar(heads)).to(grouped.device(), torch.ScalarType.Long);
    return grouped.index_select(
        2,
        order
            .remainder(new Scalar(dilation))
            .mul(new Scalar(heads))
            .add(order)
            .argsort()
            .argsort());
  }
}
