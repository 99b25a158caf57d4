// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.io.SummedInput;
import dev.longnet.core.io.ZipNames;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/// The .zip or .jar archive that was read last, kept open: neighbouring documents are its entries.
final class OpenArchive implements Closeable {
  private @Nullable ZipFile open;
  private @Nullable Path path;

  /// Null where the JDK refuses the whole archive for one entry. Then it is read as a whole, by
  /// whoever leaves such entries out ([FileTexts]).
  ///
  /// @throws IllegalArgumentException where the file is no archive
  static @Nullable ZipFile open(Path archive) throws IOException {
    try {
      return new ZipFile(archive.toFile());
    } catch (ZipException e) {
      if (ZipNames.isOfOneEntry(e)) {
        return null;
      }
      throw damaged(archive, e.getMessage(), e);
    } catch (EOFException e) { // where its directory should be
      throw damaged(archive, "it ends too early", e);
    }
  }

  private static IllegalArgumentException damaged(
      Path archive, @Nullable String what, IOException e) {
    return new IllegalArgumentException(
        String.format(Locale.ROOT, "not an archive, or a damaged one: %s: %s", archive, what), e);
  }

  /// An entry's bytes, compared with its checksum as they are read.
  InputStream entry(Path archive, String name) throws IOException {
    ZipFile zip = open;
    if (zip == null || !archive.equals(path)) {
      close();
      zip = open(archive);
      open = zip;
      path = archive;
    }
    ZipEntry entry = zip == null ? null : zip.getEntry(name);
    if (zip == null || entry == null) {
      throw new IOException("the archive changed while it was read: " + archive + " lacks " + name);
    }
    return new SummedInput(zip.getInputStream(entry), entry.getCrc());
  }

  @Override
  public void close() throws IOException {
    if (open != null) {
      open.close();
      open = null;
      path = null;
    }
  }
}
