// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.hardwood.metadata.ColumnChunk;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/// The headers of a column's pages, looked at before Hardwood walks them: where one says that its
/// page is of no or negative length, Hardwood never comes to the end, and its thread can't be
/// stopped.
///
/// Headers are structs in Thrift's compact protocol. Of them only sizes and counts are read.
final class ParquetPages {
  /// Most headers are shorter; statistics may hold whole values.
  private static final int WINDOW = 1 << 10;

  private static final int MAX_HEADER = 16 << 20;
  private static final int MAX_DEPTH = 16;

  private static final int DATA = 0;
  private static final int INDEX = 1;
  private static final int DICTIONARY = 2;
  private static final int DATA_V2 = 3;

  private final FileChannel file;
  private final InputPolicy policy;

  // Of the header that was read last.
  private int type;
  private int compressed;
  private int uncompressed;
  private int values;
  private long levels;

  ParquetPages(FileChannel file, InputPolicy policy) {
    this.file = file;
    this.policy = policy;
  }

  /// @throws RejectedException where a page leaves its column, or has more values or bytes than fit
  ///   into it
  void check(ColumnChunk chunk) throws IOException {
    long at = chunk.chunkStartOffset();
    long length = chunk.metaData().totalCompressedSize();
    long all = chunk.metaData().numValues();
    if (at < 0 || length < 0 || length > file.size() || at > file.size() - length || all < 0) {
      throw corrupt("a column leaves the file");
    }
    long end = at + length;
    long read = 0;
    while (at < end && read < all) {
      at += header(at, end);
      if (compressed < 0 || compressed > end - at || uncompressed < 0 || values < 0) {
        throw corrupt("a page leaves its column");
      }
      if (type < DATA || type > DATA_V2) {
        throw corrupt("a page of the unknown type " + type);
      }
      if (levels < 0 || levels > compressed || type == DICTIONARY && values > uncompressed) {
        throw corrupt("a page has more values than bytes");
      }
      GuardedInput.refuseRatio(compressed, uncompressed, policy);
      if (type == DATA || type == DATA_V2) {
        GuardedInput.refuseRatio(file.size(), values, policy);
        read += values;
      }
      at += compressed;
    }
  }

  private static RejectedException corrupt(String what) {
    return new RejectedException(Reason.CORRUPT, what);
  }

  /// Reads one; returns its length.
  private int header(long at, long end) throws IOException {
    for (long window = WINDOW; ; window *= 16) {
      ByteBuffer bytes =
          ByteBuffer.allocate((int) Math.min(Math.min(window, MAX_HEADER), end - at));
      while (bytes.hasRemaining() && file.read(bytes, at + bytes.position()) >= 0) {
        // a file may give less than it was asked for
      }
      bytes.flip().order(ByteOrder.LITTLE_ENDIAN);
      type = -1;
      compressed = -1;
      uncompressed = -1;
      values = -1;
      levels = 0;
      try {
        struct(bytes, 0, 0);
        values = type == INDEX ? 0 : values;
        return bytes.position();
      } catch (BufferUnderflowException e) {
        if (window >= MAX_HEADER || window >= end - at) {
          throw corrupt("a page's header does not end");
        }
      }
    }
  }

  /// @param of the field that holds the struct; 0 for the header itself
  private void struct(ByteBuffer in, int depth, int of) throws RejectedException {
    requireShallow(depth);
    int field = 0;
    for (int head = in.get() & 0xff; head != 0; head = in.get() & 0xff) {
      int kind = head & 15;
      field = head >> 4 == 0 ? (int) number(in) : field + (head >> 4);
      if (depth < 2 && kind >= 4 && kind <= 6) {
        take(of, field, number(in));
      } else {
        skip(in, kind, depth, depth == 0 ? field : -1);
      }
    }
  }

  private static void requireShallow(int depth) throws RejectedException {
    if (depth > MAX_DEPTH) {
      throw corrupt("a page's header is nested too deeply");
    }
  }

  /// @param of 0 for the header itself; 5, 7 and 8 for what it says of data and dictionaries
  private void take(int of, int field, long number) throws RejectedException {
    int value = (int) number;
    if (value != number) {
      throw corrupt("a page's header has a number beyond 32 bits");
    }
    switch (10 * of + field) {
      case 1 -> type = value;
      case 2 -> uncompressed = value;
      case 3 -> compressed = value;
      case 51, 71, 81 -> values = value;
      case 85, 86 -> levels = value < 0 || levels < 0 ? -1 : levels + value;
      default -> {} // encodings, a checksum
    }
  }

  private void skip(ByteBuffer in, int kind, int depth, int field) throws RejectedException {
    switch (kind) {
      case 1, 2 -> {} // true and false, in a struct
      case 3 -> in.get();
      case 4, 5, 6 -> number(in);
      case 7 -> in.getLong();
      case 8 -> jump(in, unsigned(in));
      case 9, 10 -> {
        requireShallow(depth);
        int head = in.get() & 0xff;
        long size = head >> 4 == 15 ? unsigned(in) : head >> 4;
        for (long i = 0; i < size; i++) {
          element(in, head & 15, depth);
        }
      }
      case 11 -> {
        requireShallow(depth);
        long size = unsigned(in);
        int kinds = size == 0 ? 0 : in.get() & 0xff;
        for (long i = 0; i < size; i++) {
          element(in, kinds >> 4, depth);
          element(in, kinds & 15, depth);
        }
      }
      case 12 -> struct(in, depth + 1, field);
      default -> throw corrupt("a page's header is none");
    }
  }

  /// Of a list or a map, where true and false take a byte.
  private void element(ByteBuffer in, int kind, int depth) throws RejectedException {
    if (kind == 1 || kind == 2) {
      in.get();
    } else {
      skip(in, kind, depth + 1, -1);
    }
  }

  private static void jump(ByteBuffer in, long bytes) {
    if (bytes < 0 || bytes > in.remaining()) {
      throw new BufferUnderflowException();
    }
    in.position(in.position() + (int) bytes);
  }

  /// Zigzag.
  private static long number(ByteBuffer in) {
    long n = unsigned(in);
    return n >>> 1 ^ -(n & 1);
  }

  private static long unsigned(ByteBuffer in) {
    long n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      byte b = in.get();
      n |= (b & 0x7fL) << shift;
      if (b >= 0) {
        break;
      }
    }
    return n;
  }
}
