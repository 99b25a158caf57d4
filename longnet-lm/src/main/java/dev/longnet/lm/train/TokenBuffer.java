// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.MemorySegment;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Token ids [B, N + 1] int64 that Java writes and libtorch reads, in one piece of memory for the
/// life of a run.
final class TokenBuffer implements AutoCloseable {
  private final Tensor host;
  private final MemorySegment memory;
  private final long rowBytes;
  private final String device;

  TokenBuffer(int rows, int ids, String device) {
    try (TensorOptions options = new TensorOptions(ScalarType.Long)) {
      this.host = torch.zeros(new long[] {rows, ids}, options).retainReference();
    }
    this.memory = TensorMemory.of(host);
    this.rowBytes = 8L * ids;
    this.device = device;
  }

  /// int64, one row's ids.
  MemorySegment row(int row) {
    return memory.asSlice(row * rowBytes, rowBytes);
  }

  /// On the device; a copy there belongs to the caller's scope.
  Tensor tensor() {
    return device.equals("cpu") ? host : host.to(new Device(device), ScalarType.Long);
  }

  /// The first rows, as [#tensor()]; the caller's scope's.
  Tensor tensor(long rows) {
    return rows == host.size(0) ? tensor() : tensor().narrow(0, 0, rows);
  }

  @Override
  public void close() {
    host.deallocate();
  }
}
