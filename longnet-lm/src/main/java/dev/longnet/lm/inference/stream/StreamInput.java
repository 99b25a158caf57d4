package dev.longnet.lm.inference.stream;

import dev.longnet.lm.data.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/// Files, directories and archives as one stream of tokens, read in small pieces: an end-of-text token, then document after
/// document, each followed by one. Memory does not depend on their length. A place in it can be remembered and found again.
///
/// One thread; whoever opened it closes it.
public final class StreamInput implements AutoCloseable {
  /// A document: a file, or an entry of an archive.
  private record Document(Path file, String entry, long bytes) {}

  /// Where the next piece begins.
  ///
  /// @param pass how often the whole input has been read
  /// @param document number of the document; -1 before the very first token
  /// @param offset bytes of it that have been read
  public record Place(long pass, int document, long offset) {
    /// The beginning of an input.
    public static final Place START = new Place(0, -1, 0);
  }

  private final Tokenizer tokenizer;
  private final boolean repeat;
  private final List<Document> documents = new ArrayList<>();
  private final long bytes;
  private final String identity;
  private Place place = Place.START;
  private DocumentTokens open;
  /// Where in its document `open` began.
  private long from;
  private ZipFile archive;
  private Path archivePath;

  /// @param inputs files; directories (all their files in the order of their names, hidden ones left out); .zip and .jar archives
  /// @param suffix only documents whose name ends so, of directories and archives; empty for all
  /// @param repeat begin anew at the end, for ever
  public StreamInput(List<Path> inputs, String suffix, Tokenizer tokenizer, boolean repeat) throws IOException {
    this.tokenizer = tokenizer;
    this.repeat = repeat;
    for (Path input : inputs) {
      add(input, suffix);
    }
    if (documents.isEmpty()) {
      throw new IllegalArgumentException("the input holds no documents" + (suffix.isEmpty() ? "" : " ending in " + suffix) + ": " + inputs);
    }
    bytes = documents.stream().mapToLong(Document::bytes).sum();
    identity = identity();
  }

  private void add(Path input, String suffix) throws IOException {
    if (Files.isDirectory(input)) {
      try (Stream<Path> walk = Files.walk(input)) {
        List<Path> files =
            walk.filter(Files::isRegularFile)
                .filter(p -> p.toString().endsWith(suffix))
                .filter(p -> !hidden(input.relativize(p)))
                .sorted()
                .toList();
        for (Path file : files) {
          documents.add(new Document(file, "", Files.size(file)));
        }
      }
    } else if (input.toString().toLowerCase(Locale.ROOT).matches(".*\\.(zip|jar)")) {
      try (ZipFile zip = new ZipFile(input.toFile())) {
        zip.stream()
            .filter(e -> !e.isDirectory() && e.getName().endsWith(suffix))
            .forEach(e -> documents.add(new Document(input, e.getName(), Math.max(0, e.getSize()))));
      }
    } else if (Files.exists(input)) {
      documents.add(new Document(input, "", Files.size(input)));
    } else {
      throw new NoSuchFileException(input.toString());
    }
  }

  private static boolean hidden(Path relative) {
    for (Path part : relative) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }

  private String identity() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Document d : documents) {
        digest.update((d.file.getFileName() + "\0" + d.entry + "\0" + d.bytes + "\0").getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Changes when names or lengths of documents do.
  public String fingerprint() {
    return identity;
  }

  public int documents() {
    return documents.size();
  }

  /// Of all documents, once.
  public long totalBytes() {
    return bytes;
  }

  public Place place() {
    return place;
  }

  /// Bytes before the next piece, in all passes.
  public long bytesRead() {
    long sum = place.pass * bytes + place.offset;
    for (int i = 0; i < place.document; i++) {
      sum += documents.get(i).bytes;
    }
    return sum;
  }

  /// Bytes that the end of a piece stands for, its end-of-text tokens aside.
  int bytes(int[] tokens, int from) {
    return tokenizer.decode(Arrays.copyOfRange(tokens, from, tokens.length)).length;
  }

  /// Goes on at a remembered place.
  public void seek(Place to) throws IOException {
    if (to.document < -1 || to.document > documents.size() || to.document == documents.size() && to.offset > 0 || to.offset < 0 || to.pass < 0) {
      throw new IllegalArgumentException("no such place in the input: " + to);
    }
    closeDocument();
    place = to;
  }

  /// The next tokens, 16,384 or more unless the input ends; an empty array at the end. Small documents come together: short
  /// chunks are slow ones.
  public int[] next() throws IOException {
    int[] ids = piece();
    int length = ids.length;
    while (length < DocumentTokens.PIECE) {
      int[] more = piece();
      if (more.length == 0) {
        break;
      }
      ids = ids.length < length + more.length ? Arrays.copyOf(ids, Math.max(2 * DocumentTokens.PIECE, 2 * (length + more.length))) : ids;
      System.arraycopy(more, 0, ids, length, more.length);
      length += more.length;
    }
    return ids.length == length ? ids : Arrays.copyOf(ids, length);
  }

  /// At most one document's.
  private int[] piece() throws IOException {
    if (place.document < 0) {
      place = new Place(0, 0, 0);
      return new int[] {tokenizer.endOfText()};
    }
    if (place.document == documents.size()) {
      if (!repeat) {
        return new int[0];
      }
      place = new Place(place.pass + 1, 0, 0);
    }
    if (open == null) {
      openDocument();
    }
    int[] ids = open.next();
    if (!open.ended()) {
      place = new Place(place.pass, place.document, from + open.bytes());
      return ids;
    }
    closeDocument();
    place = new Place(place.pass, place.document + 1, 0);
    ids = Arrays.copyOf(ids, ids.length + 1);
    ids[ids.length - 1] = tokenizer.endOfText();
    return ids;
  }

  private void openDocument() throws IOException {
    InputStream in = openBytes();
    in.skipNBytes(place.offset);
    from = place.offset;
    open = new DocumentTokens(in, tokenizer);
  }

  private InputStream openBytes() throws IOException {
    Document document = documents.get(place.document);
    if (document.entry.isEmpty()) {
      return Files.newInputStream(document.file);
    }
    if (!document.file.equals(archivePath)) {
      closeArchive();
      archive = new ZipFile(document.file.toFile());
      archivePath = document.file;
    }
    ZipEntry entry = archive.getEntry(document.entry);
    if (entry == null) {
      throw new IOException("the archive changed while it was read: " + document.file + " lacks " + document.entry);
    }
    return archive.getInputStream(entry);
  }

  private void closeDocument() throws IOException {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  private void closeArchive() throws IOException {
    if (archive != null) {
      archive.close();
      archive = null;
      archivePath = null;
    }
  }

  @Override
  public void close() throws IOException {
    closeDocument();
    closeArchive();
  }
}
