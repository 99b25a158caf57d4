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
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

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

  /// @param name its end says how
  static OutputStream compressor(String name, OutputStream out) throws IOException {
    return switch (name.substring(name.lastIndexOf('.') + 1)) {
      case "gz", "tgz" -> new GZIPOutputStream(out);
      case "zst", "zstd", "tzst" -> new ZstdOutputStream(out).setChecksum(true);
      case "xz", "txz" -> new XZOutputStream(out, new LZMA2Options(0));
      case "bz2", "tbz2" -> new BZip2CompressorOutputStream(out, 1);
      default -> out;
    };
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
