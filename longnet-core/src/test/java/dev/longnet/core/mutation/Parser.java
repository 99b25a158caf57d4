// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import java.io.IOException;
import java.util.List;
import java.util.function.UnaryOperator;

/// What reads files of one kind, to be given damaged ones.
///
/// @param kind of file, for tables
/// @param seeds files that it reads
/// @param whole makes a file's checksums right again, or packs what was damaged, so that damage
///   comes further than a first look
/// @param reader reads all there is
/// @param grant bytes that one reading may allocate, however small the file
/// @param perByte bytes that it may allocate besides, for each of the file
/// @param threads whether it reads with threads of its own, whose memory counts too
public record Parser(
    String kind,
    List<byte[]> seeds,
    UnaryOperator<byte[]> whole,
    Reader reader,
    long grant,
    long perByte,
    boolean threads) {

  /// Reads a file, or ends with what a damaged one ends with: an [IllegalArgumentException].
  @FunctionalInterface
  public interface Reader {
    void read(byte[] file) throws IOException;
  }

  public Parser {
    seeds = List.copyOf(seeds);
  }

  /// One without checksums that takes little memory.
  public Parser(String kind, List<byte[]> seeds, Reader reader) {
    this(kind, seeds, UnaryOperator.identity(), reader, 4 << 20, 1000, false);
  }

  public Parser whole(UnaryOperator<byte[]> other) {
    return new Parser(kind, seeds, other, reader, grant, perByte, threads);
  }

  public Parser grant(long bytes) {
    return new Parser(kind, seeds, whole, reader, bytes, perByte, threads);
  }

  public Parser withThreads() {
    return new Parser(kind, seeds, whole, reader, grant, perByte, true);
  }
}
