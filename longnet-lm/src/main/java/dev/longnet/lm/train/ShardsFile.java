// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsWriter.Layout;
import dev.longnet.core.io.SafetensorsWriter.Pieces;
import dev.longnet.core.io.SafetensorsWriter.Place;
import dev.longnet.lm.model.Parameters;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.bytedeco.pytorch.Tensor;

/// A checkpoint's file of numbers that several ranks have, each those of the parameters' elements
/// that it owns: moments, weights. Where all see the file each writes its own. Else one collects
/// them, piece by piece, so that they are nowhere together in memory.
///
/// @param run its directory, as this rank sees it
/// @param parameters whose numbers they are
/// @param owned elements of their memory
/// @param metadata of the file
/// @param kinds of numbers, one of each for every element
record ShardsFile(
    Path run,
    Ranks ranks,
    Parameters parameters,
    Slice owned,
    Map<String, String> metadata,
    List<Kind> kinds) {
  /// One kind of numbers.
  ///
  /// @param prefix of the parameters' names in the file
  /// @param own `[owned]` float32
  record Kind(String prefix, MemorySegment own) {}

  /// Elements of a piece that is collected: 4 MiB.
  private static final long PIECE = 1L << 20;

  /// On the rank that writes, while the others [#send()].
  ///
  /// @param file in a directory that appears whole or not at all
  void write(Path file) throws IOException {
    // A name that is nowhere else: a rank with a disk of its own may have leftovers of another run.
    Path begun = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID()).toAbsolutePath();
    Layout layout = layout();
    layout.begin(begun);
    if (shared(begun)) {
      fill(layout, begun);
    } else {
      layout.fill(begun, this::exchange);
    }
    Files.move(begun, file);
  }

  /// On the other ranks.
  void send() throws IOException {
    String begun = new String(ranks.hear(new byte[0]), UTF_8);
    Path file = run.resolve(begun);
    if (ranks.any(!Files.exists(file))) {
      exchange((_, _, _) -> {});
    } else {
      fill(layout(), file);
    }
  }

  /// Whether all ranks see a file.
  private boolean shared(Path file) {
    String name = run.toAbsolutePath().relativize(file).toString();
    ranks.hear(name.getBytes(UTF_8));
    return !ranks.any(!Files.exists(file));
  }

  /// Returns when all ranks have written their own.
  private void fill(Layout layout, Path file) throws IOException {
    layout.fill(
        file,
        pieces -> {
          for (Kind kind : kinds) {
            put(kind.prefix, owned, kind.own, pieces);
          }
        });
    ranks.any(false);
  }

  private Layout layout() throws IOException {
    List<Place> places = new ArrayList<>();
    for (Kind kind : kinds) {
      parameters
          .values()
          .forEach(
              (name, value) -> places.add(new Place(kind.prefix + name, DType.F32, value.shape())));
    }
    return Layout.of(metadata, places);
  }

  private void exchange(Pieces pieces) throws IOException {
    long all = parameters.elements();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment room =
          ranks.writes()
              ? arena.allocate(Float.BYTES * Math.min(PIECE, all), 64)
              : MemorySegment.NULL;
      for (Kind kind : kinds) {
        for (long from = 0; from < all; from += PIECE) {
          Slice piece = new Slice(from, Math.min(all, from + PIECE));
          MemorySegment into = bytes(room, new Slice(0, ranks.writes() ? piece.count() : 0));
          Slice mine = owned.and(piece);
          long begin = mine.count() == 0 ? 0 : mine.first() - owned.first();
          ranks.collect(bytes(kind.own, new Slice(begin, begin + mine.count())), piece, all, into);
          if (ranks.writes()) {
            put(kind.prefix, piece, into, pieces);
          }
        }
      }
    }
  }

  private void put(String prefix, Slice piece, MemorySegment bytes, Pieces pieces)
      throws IOException {
    for (Map.Entry<String, Tensor> parameter : parameters.values().entrySet()) {
      long begin = parameters.offset(parameter.getKey());
      Slice here = new Slice(begin, begin + parameter.getValue().numel()).and(piece);
      if (here.count() > 0) {
        Slice within = new Slice(here.first() - piece.first(), here.end() - piece.first());
        pieces.put(
            prefix + parameter.getKey(),
            Float.BYTES * (here.first() - begin),
            bytes(bytes, within));
      }
    }
  }

  private static MemorySegment bytes(MemorySegment floats, Slice elements) {
    return floats.asSlice(Float.BYTES * elements.first(), Float.BYTES * elements.count());
  }
}
