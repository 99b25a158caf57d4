// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import dev.longnet.core.io.TensorEntry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The same memory as a libtorch tensor and as a [MemorySegment], without copies, also beyond 2
/// GiB.
public final class TensorMemory {
  private TensorMemory() {}

  /// The memory of a CPU tensor, from its first element to its last whatever the strides.
  ///
  /// The segment does not keep the tensor alive: the caller holds it (and its scope) as long as the
  /// segment is used.
  ///
  /// @throws IllegalArgumentException when the tensor is on another device or has none of the file
  ///   types
  @SuppressWarnings("restricted") // the one place where an address becomes memory
  public static MemorySegment of(Tensor tensor) {
    if (tensor.is_cuda() || !tensor.has_storage()) {
      throw new IllegalArgumentException(
          "only a tensor in the CPU's memory can be read from Java: device "
              + tensor.device().str().getString());
    }
    long elements = 1;
    for (int dim = 0; dim < tensor.dim(); dim++) {
      if (tensor.size(dim) == 0) {
        return MemorySegment.NULL;
      }
      elements += (tensor.size(dim) - 1) * tensor.stride(dim);
    }
    return MemorySegment.ofAddress(tensor.data_ptr().address())
        .reinterpret(elements * tensor.element_size());
  }

  /// A row-major tensor over memory of Java's. The memory stays reachable until libtorch lets go of
  /// the tensor and of every view of it; memory of an arena that is closed by hand must not be
  /// closed before.
  ///
  /// @param memory off heap; exactly or more than the elements' bytes
  public static Tensor view(MemorySegment memory, ScalarType type, long... shape) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("a tensor needs memory outside the heap: " + memory);
    }
    long bytes = ElementTypes.of(type).size();
    for (long size : shape) {
      bytes = Math.multiplyExact(bytes, size);
    }
    if (bytes > memory.byteSize()) {
      throw new IllegalArgumentException(
          "the tensor's elements take " + bytes + " bytes, its memory holds " + memory.byteSize());
    }
    Torch.load();
    try (DeviceOptional none = new DeviceOptional();
        TensorOptions options = new TensorOptions(type)) {
      if (bytes == 0) {
        return torch.empty(shape, options, new MemoryFormatOptional());
      }
      KeptMemory.keep(memory);
      return torch.from_blob(new SegmentPointer(memory), shape, KeptMemory.RELEASE, options, none);
    }
  }

  /// New memory, not cleared, beyond the JVM's limit of direct memory, which counts what arenas
  /// allocate; freed when nobody reaches it.
  @SuppressWarnings("restricted") // the size is what was asked for
  public static MemorySegment allocate(long bytes) {
    Torch.load();
    Pointer memory = Pointer.malloc(Math.max(bytes, 1));
    if (memory == null || memory.isNull()) {
      throw new OutOfMemoryError(bytes + " bytes of native memory");
    }
    return MemorySegment.ofAddress(memory.address())
        .reinterpret(bytes, Arena.ofAuto(), _ -> Pointer.free(memory));
  }

  /// A row-major tensor over memory that the caller keeps until libtorch lets go of the tensor and
  /// of every view of it. Costs less than [#view], which keeps the memory itself.
  public static Tensor borrow(MemorySegment memory, ScalarType type, long... shape) {
    Torch.load();
    try (TensorOptions options = new TensorOptions(type)) {
      return torch.from_blob(new SegmentPointer(memory), shape, options);
    }
  }

  /// A view of a tensor in a file; the file must stay open as long as the tensor or any view of it
  /// lives.
  public static Tensor view(TensorEntry entry) {
    return view(entry.data(), ElementTypes.of(entry.type()), entry.shape());
  }

  /// A contiguous CPU tensor as an entry for a file, without a copy; the caller keeps the tensor
  /// alive while it is used.
  ///
  /// @throws IllegalArgumentException when the tensor is not contiguous or not on the CPU
  public static TensorEntry entry(String name, Tensor tensor) {
    if (!tensor.is_contiguous()) {
      throw new IllegalArgumentException("tensor " + name + " must be contiguous to be written");
    }
    long[] shape = new long[(int) tensor.dim()];
    for (int dim = 0; dim < shape.length; dim++) {
      shape[dim] = tensor.size(dim);
    }
    return new TensorEntry(name, ElementTypes.of(tensor.scalar_type()), shape, of(tensor));
  }

  /// JavaCPP's pointer to a segment. The capacity may exceed 2^31.
  private static final class SegmentPointer extends Pointer {
    SegmentPointer(MemorySegment memory) {
      address = memory.address();
      limit = memory.byteSize();
      capacity = memory.byteSize();
    }
  }

  /// Segments that libtorch reads, until it calls back that it no longer does.
  private static final class KeptMemory extends PointerConsumer {
    static final KeptMemory RELEASE = new KeptMemory();
    private static final Map<Long, ArrayDeque<MemorySegment>> KEPT = new ConcurrentHashMap<>();

    private KeptMemory() {
      retainReference(); // for the life of the process, whatever scope was open
    }

    static void keep(MemorySegment memory) {
      KEPT.compute(
          memory.address(),
          (address, kept) -> {
            ArrayDeque<MemorySegment> all = kept == null ? new ArrayDeque<>() : kept;
            all.push(memory);
            return all;
          });
    }

    @Override
    public void call(Pointer data) {
      KEPT.computeIfPresent(
          data.address(),
          (address, kept) -> {
            kept.pop();
            return kept.isEmpty() ? null : kept;
          });
    }
  }

  /// For tests: how many segments libtorch still holds.
  static int kept() {
    return KeptMemory.KEPT.size();
  }
}
