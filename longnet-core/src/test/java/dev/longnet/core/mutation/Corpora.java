// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import com.github.luben.zstd.ZstdOutputStream;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.source.Admission;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.RejectedException;
import dev.longnet.core.data.source.Sources;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.stream.StreamInput;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/// What corpora and streams read, through the one door of `tokenize` and `stream`.
final class Corpora {
  private static final Path FILES = Path.of("src/test/resources/corpora");

  /// A decoder's window or dictionary of 128 MiB, as documented, and a few of them one after the
  /// other where parts of a file come twice.
  private static final long WINDOWS = 600L << 20;

  private static final String ROWS =
      """
      {"text": "one row", "name": "a", "n": 12}
      {"name": "b", "text": "another row with é and \\u00e9", "meta": {"text": "inner", "deep": [1, 2, {"x": null}]}}
      {"text": "", "name": null}

      {"text": "the last", "n": 1e5}
      """;

  private static final String ARRAY =
      """
      [ {"text": "one row", "n": 12},
        {"text": "another [row], é", "meta": {"text": "inner", "deep": [1, 2, {"x": null}]}},
        {"text": "the \\"last\\"", "n": -1.5e-3} ]
      """;

  private static final String SEQUENCES =
      ">one first\nACGTACGTNNNNNNACGT\nACGT\n;comment\n>two\nacgtnnnacgt\n\n>three\nMKV*\n";

  private final Path folder;
  private long count;

  Corpora(Path folder) {
    this.folder = folder;
  }

  List<Parser> parsers() throws IOException {
    List<Parser> all = new ArrayList<>();
    byte[] tar = tar("src/A.java", "class A {}", "src/b/B.java", "class B {}".repeat(40));
    byte[] other = tar("x".repeat(150), "a long name\n", "y", "", "z/z", "text");
    byte[] text = "A text of some lines,\nand é.\n".repeat(30).getBytes(StandardCharsets.UTF_8);
    byte[] rows = utf8(ROWS);
    all.add(source("zip", "f.zip", List.of(zip(8), zip(0), jar())));
    all.add(source("tar", "f.tar", List.of(tar, other)).whole(Corpora::checksums));
    for (String packing : List.of("gz", "zst", "xz", "bz2")) {
      UnaryOperator<byte[]> pack = inner -> pack(packing, inner);
      all.add(
          source("tar." + packing, "f.tar." + packing, List.of(tar, other))
              .whole(inner -> pack.apply(checksums(inner)))
              .grant(WINDOWS));
      all.add(
          source(packing, "f." + packing, List.of(pack.apply(text), pack.apply(rows)))
              .whole(packing.equals("xz") ? Corpora::xzSums : UnaryOperator.identity())
              .grant(WINDOWS));
    }
    // Each line or element that is no row costs an exception.
    all.add(source("JSON lines", "f.jsonl", List.of(rows, utf8(ROWS.repeat(3)))).grant(512L << 20));
    all.add(
        source("JSON array", "f.json", List.of(utf8(ARRAY), utf8(ARRAY.replace("\n", ""))))
            .grant(512L << 20));
    all.add(
        source(
                "FASTA",
                "f.fasta",
                List.of(utf8(SEQUENCES), utf8(SEQUENCES.toLowerCase(java.util.Locale.ROOT))))
            .grant(512L << 20));
    all.add(
        source(
            "text",
            "f.txt",
            List.of(text, "\uFEFFtext é".getBytes(StandardCharsets.UTF_16LE), utf8("\uFEFFtext"))));
    List<byte[]> tables = new ArrayList<>();
    for (String codec : List.of("snappy", "zstd", "gzip", "lz4", "brotli", "nested", "repeated")) {
      tables.add(Files.readAllBytes(FILES.resolve(codec + ".parquet")));
    }
    all.add(source("Parquet", "f.parquet", tables).grant(256 << 20).withThreads());
    return all;
  }

  /// @param name of the file that is written
  private Parser source(String kind, String name, List<byte[]> seeds) throws IOException {
    Path directory = Files.createDirectories(folder.resolve(kind.replace(' ', '-')));
    Path file = directory.resolve(name);
    CorpusSource source = new CorpusSource(file.toString(), OptionalDouble.empty(), "text", "name");
    return new Parser(
            kind,
            seeds,
            input -> {
              Files.write(file, input);
              if (++count % 4 == 0) {
                stream(file);
              } else {
                tokenize(source);
              }
            })
        .grant(64 << 20);
  }

  private void tokenize(CorpusSource source) throws IOException {
    Admission admission = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    try (DocumentReader reader = Sources.open(source, Sources.state(source), admission, folder)) {
      for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
        switch (entry) {
          case Entry.Rejected rejected -> rejected.reason().words();
          case Entry.Text small -> load(small);
          case Entry.Streamed large -> {
            try (InputStream in = large.opener().open()) {
              in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) { // the pipeline says it of the document
              e.getMessage();
            }
          }
        }
      }
    }
  }

  private static void load(Entry.Text text) throws IOException {
    try {
      text.loader().load();
    } catch (RejectedException e) {
      e.reason().words();
    }
  }

  private static void stream(Path file) throws IOException {
    try (StreamInput input = new StreamInput(List.of(file), "", Tokenizers.of("bytes"), false)) {
      while (input.next().length > 0) {
        input.place();
      }
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] zip(int level) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setLevel(level);
      for (String name : List.of("src/A.java", "src/b/B.java", "é.txt")) {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(utf8(("text of " + name + "\n").repeat(20)));
      }
      zip.setComment("a comment");
    }
    return bytes.toByteArray();
  }

  private static byte[] jar() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      ZipEntry stored = new ZipEntry("META-INF/MANIFEST.MF");
      byte[] text = utf8("Manifest-Version: 1.0\n");
      CRC32 sum = new CRC32();
      sum.update(text);
      stored.setMethod(ZipEntry.STORED);
      stored.setSize(text.length);
      stored.setCrc(sum.getValue());
      stored.setExtra(new byte[] {1, 0, 4, 0, 1, 2, 3, 4});
      zip.putNextEntry(stored);
      zip.write(text);
    }
    return bytes.toByteArray();
  }

  /// @param documents names and texts in turn
  private static byte[] tar(String... documents) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      tar.setLongFileMode(
          documents.length > 4
              ? TarArchiveOutputStream.LONGFILE_POSIX
              : TarArchiveOutputStream.LONGFILE_GNU);
      for (int i = 0; i < documents.length; i += 2) {
        byte[] text = utf8(documents[i + 1]);
        TarArchiveEntry entry = new TarArchiveEntry(documents[i], true);
        entry.setSize(text.length);
        tar.putArchiveEntry(entry);
        tar.write(text);
        tar.closeArchiveEntry();
      }
    }
    return bytes.toByteArray();
  }

  /// Of a tar's headers.
  private static byte[] checksums(byte[] tar) {
    for (int block = 0; block + 512 <= tar.length; block += 512) {
      if (tar[block + 257] == 'u' && tar[block + 258] == 's') {
        long sum = 0;
        for (int i = 0; i < 512; i++) {
          sum += i >= 148 && i < 156 ? ' ' : tar[block + i] & 0xff;
        }
        byte[] digits = utf8(String.format(java.util.Locale.ROOT, "%06o\0 ", sum));
        System.arraycopy(digits, 0, tar, block + 148, 8);
      }
    }
    return tar;
  }

  /// Of the headers of an xz file's stream and of its first block.
  private static byte[] xzSums(byte[] xz) {
    int header = xz.length > 12 ? ((xz[12] & 0xff) + 1) * 4 : 0;
    if (header > 4 && xz.length >= 12 + header) {
      ByteBuffer bytes = ByteBuffer.wrap(xz).order(ByteOrder.LITTLE_ENDIAN);
      bytes.putInt(8, sum(xz, 6, 2));
      bytes.putInt(12 + header - 4, sum(xz, 12, header - 4));
    }
    return xz;
  }

  private static int sum(byte[] bytes, int from, int count) {
    CRC32 sum = new CRC32();
    sum.update(bytes, from, count);
    return (int) sum.getValue();
  }

  private static byte[] pack(String packing, byte[] inner) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out =
        switch (packing) {
          case "gz" -> new GZIPOutputStream(bytes);
          case "zst" -> new ZstdOutputStream(bytes).setChecksum(true);
          case "xz" -> new XZOutputStream(bytes, new LZMA2Options(0));
          default -> new BZip2CompressorOutputStream(bytes, 1);
        }) {
      out.write(inner);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
