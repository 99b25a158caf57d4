// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/// Archives in memory.
final class Archives {
  private Archives() {}

  static final Map<String, String> DOCUMENTS =
      Map.of(
          "src/a/A.java", "class A {}", "src/a/B.java", "class B {}", "src/b/C.java", "class C {}");

  static byte[] zip(Map<String, String> documents) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, String> d : documents.entrySet()) {
        zip.putNextEntry(new ZipEntry(d.getKey()));
        zip.write(d.getValue().getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toByteArray();
  }

  static byte[] tar(Map<String, String> documents) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_GNU);
      for (Map.Entry<String, String> d : documents.entrySet()) {
        add(tar, d.getKey(), d.getValue());
      }
    }
    return bytes.toByteArray();
  }

  static void add(TarArchiveOutputStream tar, String name, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    TarArchiveEntry entry = new TarArchiveEntry(name, true);
    entry.setSize(bytes.length);
    tar.putArchiveEntry(entry);
    tar.write(bytes);
    tar.closeArchiveEntry();
  }

  static byte[] compress(String name, byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream compressor = compressor(name, out)) {
      compressor.write(bytes);
    }
    return out.toByteArray();
  }

  static OutputStream compressor(String name, OutputStream out) throws IOException {
    return name.endsWith("gz")
        ? new GZIPOutputStream(out)
        : name.endsWith("zst") ? new ZstdOutputStream(out).setChecksum(true) : out;
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
