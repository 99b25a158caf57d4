// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.NativeFloats;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Floats off heap to bytes and back, through a block of a megabyte.
final class StateFloats {
  private static final int BLOCK = 1 << 20;

  private final byte[] block = new byte[BLOCK];

  void write(NativeFloats from, long index, long count, OutputStream out) throws IOException {
    for (long done = 0; done < 4 * count; done += BLOCK) {
      int n = (int) Math.min(BLOCK, 4 * count - done);
      MemorySegment.copy(from.segment(), ValueLayout.JAVA_BYTE, 4 * index + done, block, 0, n);
      out.write(block, 0, n);
    }
  }

  void read(NativeFloats to, long index, long count, InputStream in) throws IOException {
    for (long done = 0; done < 4 * count; done += BLOCK) {
      int n = (int) Math.min(BLOCK, 4 * count - done);
      if (in.readNBytes(block, 0, n) < n) {
        throw new EOFException();
      }
      MemorySegment.copy(block, 0, to.segment(), ValueLayout.JAVA_BYTE, 4 * index + done, n);
    }
  }

  /// The next bytes of an input, once they are all there; memory grows as they come.
  static InputStream arrived(InputStream in, double bytes) throws IOException {
    List<ByteArrayInputStream> blocks = new ArrayList<>();
    for (double left = bytes; left > 0; left -= BLOCK) {
      int n = (int) Math.min(BLOCK, left);
      byte[] block = in.readNBytes(n);
      if (block.length < n) {
        throw new EOFException();
      }
      blocks.add(new ByteArrayInputStream(block));
    }
    return new SequenceInputStream(Collections.enumeration(blocks));
  }
}
