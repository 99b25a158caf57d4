// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.source.Reading;
import dev.longnet.core.data.source.RejectedException;
import dev.longnet.core.io.ZipNames;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/// Files, directories, tables and archives as one stream of tokens, read in small pieces: an
/// end-of-text token, then text after text, each followed by one. Memory does not depend on their
/// length. A place in it can be remembered and found again.
///
/// One thread; whoever opened it closes it.
public final class StreamInput implements AutoCloseable {
  /// Of what was read last: its beginning and its end tell one text from another.
  private static final int SAMPLE = 1 << 16;

  /// A document: a file, or an entry of a .zip. A file of several texts, such as a table, counts as
  /// one: its bytes are those of all its texts.
  ///
  /// @param entry an entry's name; how a file is read that is not one plain text; else empty
  /// @param bytes its length when the input was opened; once read, what it had
  /// @param crc an entry's checksum; the length of a file that is not one plain text
  /// @param reading of such a file; null for others
  /// @param inFolder whether a directory holds it
  private record Document(
      Path file, String entry, long bytes, long crc, @Nullable Reading reading, boolean inFolder) {
    Document(Path file, String entry, long bytes, long crc) {
      this(file, entry, bytes, crc, null, false);
    }

    boolean isFasta() {
      return reading != null && reading.kind() == Reading.Kind.FASTA;
    }

    Document withBytes(long other) {
      return new Document(file, entry, other, crc, reading, inFolder);
    }
  }

  /// Where the next piece begins.
  ///
  /// @param pass how often the whole input has been read
  /// @param document number of the document; -1 before the very first token
  /// @param offset bytes of it that have been read
  /// @param begins whether a document begins there: what a file has grown by is one of its own
  public record Place(long pass, int document, long offset, boolean begins) {
    /// The beginning of an input.
    public static final Place START = new Place(0, -1, 0);

    public Place(long pass, int document, long offset) {
      this(pass, document, offset, offset == 0);
    }
  }

  /// What of an input has been given out, for [#goOn] of a later one.
  ///
  /// @param pass how often the whole input had been read before
  /// @param document number of the last document begun; -1 before the first
  /// @param bytes of it, so far
  /// @param hash of the documents up to it (all of them from the second pass on) by path and
  ///   length, and of what it begins and ends with
  public record Extent(long pass, int document, long bytes, String hash) {}

  private static final TextPieces.Piece NOTHING = new TextPieces.Piece(new byte[0], new byte[0]);

  private final Tokenizer tokenizer;
  private final boolean repeat;
  private final String suffix;
  private final CorpusSource how;
  private final InputPolicy policy;
  private final Map<String, Long> readAs = new TreeMap<>();
  private final List<String> leftOut = new ArrayList<>();
  private final List<Document> documents = new ArrayList<>();
  private long bytes;
  private Place place = Place.START;
  private @Nullable DocumentTokens open;

  /// Where in its document `open` began.
  private long from;

  /// The open document's texts, where it is not one plain text.
  private @Nullable FileTexts texts;

  private FileTexts.@Nullable Text text;
  private final OpenArchive archive = new OpenArchive();

  /// @param inputs files, each read as what it is ([Reading]); directories (all their files in the
  ///   order of their names, hidden ones and archives left out)
  /// @param suffix only documents whose name ends so, of directories and archives; empty for all
  /// @param repeat begin anew at the end, for ever
  public StreamInput(List<Path> inputs, String suffix, Tokenizer tokenizer, boolean repeat)
      throws IOException {
    this(
        inputs,
        suffix,
        tokenizer,
        repeat,
        List.of(),
        CorpusSource.of("input"),
        InputPolicy.DEFAULT);
  }

  /// @param leftOut files that are no documents where a directory holds them, such as the state
  ///   that is saved among them
  /// @param how the field of rows, and whether every file is a text; its path means nothing here
  /// @param policy what expands too far
  public StreamInput(
      List<Path> inputs,
      String suffix,
      Tokenizer tokenizer,
      boolean repeat,
      Collection<Path> leftOut,
      CorpusSource how,
      InputPolicy policy)
      throws IOException {
    this.tokenizer = tokenizer;
    this.repeat = repeat;
    this.suffix = suffix;
    this.how = how;
    this.policy = policy;
    Set<Path> others = leftOut.stream().map(StreamInput::whole).collect(Collectors.toSet());
    try {
      for (Path input : inputs) {
        add(input, others);
      }
      if (documents.isEmpty()) {
        throw new IllegalArgumentException(
            "the input holds no documents"
                + (suffix.isEmpty() ? "" : " ending in " + suffix)
                + ": "
                + inputs
                + this.leftOut.stream().findFirst().map(f -> " (left out: " + f + ")").orElse(""));
      }
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
    bytes = documents.stream().mapToLong(Document::bytes).sum();
  }

  private static Path whole(Path path) {
    return path.toAbsolutePath().normalize();
  }

  private void add(Path input, Set<Path> others) throws IOException {
    if (Files.isDirectory(input)) {
      try (Stream<Path> walk = Files.walk(input)) {
        List<Path> files =
            walk.filter(Files::isRegularFile)
                .filter(p -> p.toString().endsWith(suffix))
                .filter(p -> !hidden(input.relativize(p)) && !others.contains(whole(p)))
                .sorted()
                .toList();
        for (Path file : files) {
          addFile(file, true);
        }
      }
    } else if (Files.isRegularFile(input)) {
      addFile(input, false);
    } else if (Files.exists(input)) {
      documents.add(new Document(input, "", Files.size(input), 0)); // a pipe is read but once
    } else {
      throw new NoSuchFileException(input.toString());
    }
  }

  private boolean isReadByName(Path file, ZipFile zip, ZipEntry entry) {
    if (ZipNames.isAnothers(zip, entry)) {
      leftOut.add(file + ": " + entry.getName() + ": " + ZipNames.WHY);
      return false;
    }
    return true;
  }

  private void addFile(Path file, boolean inFolder) throws IOException {
    Reading reading;
    try {
      reading = Reading.ofText(file, how, policy, inFolder);
    } catch (RejectedException e) {
      if (!inFolder) {
        throw new IllegalArgumentException("can't be read: " + file + ": " + e.getMessage(), e);
      }
      leftOut.add(file + ": " + e.getMessage());
      return;
    }
    if (reading.isRaw()) {
      documents.add(new Document(file, "", Files.size(file), 0));
    } else if (reading.kind() != Reading.Kind.ZIP || !addEntries(file)) {
      addTexts(file, reading, inFolder);
    }
    readAs.merge(reading.words(), 1L, Long::sum);
  }

  /// Each entry of a zip is a document.
  ///
  /// @return false where the JDK does not open it; nothing was added then
  private boolean addEntries(Path file) throws IOException {
    try (ZipFile zip = OpenArchive.open(file)) {
      if (zip == null) {
        return false;
      }
      zip.stream()
          .filter(e -> !e.isDirectory() && e.getName().endsWith(suffix))
          .filter(e -> !e.getName().isEmpty()) // of a damaged directory: there is no such path
          .filter(e -> isReadByName(file, zip, e))
          .forEach(e ->
              documents.add(new Document(file, e.getName(), Math.max(0, e.getSize()), e.getCrc())));
      return true;
    }
  }

  /// Reads the file once: damage is said before anything runs, and its length is known.
  private void addTexts(Path file, Reading reading, boolean inFolder) throws IOException {
    long length = 0;
    try (FileTexts all = texts(file, reading, inFolder, 0)) {
      for (FileTexts.Text next = all.next(); next != null; next = all.next()) {
        length += next.bytes();
      }
      if (!all.leftOut().isEmpty()) {
        leftOut.add(all.leftOut());
      }
    }
    if (length > 0) {
      documents.add(
          new Document(file, reading.words(), length, Files.size(file), reading, inFolder));
    }
  }

  private FileTexts texts(Path file, Reading reading, boolean inFolder, long known)
      throws IOException {
    return new FileTexts(file, reading, how, policy, inFolder, suffix, known);
  }

  /// How many files are read in which way, in words.
  public Map<String, Long> readAs() {
    return readAs;
  }

  /// What of the input is no text, and why: a line each.
  public List<String> leftOut() {
    return leftOut;
  }

  private static boolean hidden(Path relative) {
    for (Path part : relative) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }

  /// What has been given out so far.
  public Extent extent() {
    boolean between = place.offset == 0;
    int last = between ? place.document - 1 : place.document;
    long length = last < 0 ? 0 : between ? documents.get(last).bytes : place.offset;
    return new Extent(place.pass, Math.max(-1, last), length, hash(place.pass, last, length));
  }

  /// Goes on where an earlier input stood, if this one begins with all the earlier one had given
  /// out: the documents up to there are the same by path and length, and the last of them begins
  /// the same way. It may have grown: where it had been read to its end, its new part follows as a
  /// document of its own.
  ///
  /// @param to where the earlier input stood, or a place before
  /// @return false where this is another input; nothing has changed then
  public boolean goOn(Place to, Extent earlier) throws IOException {
    int last = earlier.document;
    if (last < -1
        || last >= documents.size()
        || last >= 0 && documents.get(last).bytes < earlier.bytes
        || !hash(earlier.pass, last, earlier.bytes).equals(earlier.hash)) {
      return false;
    }
    // From the second pass on nothing may have grown.
    boolean grown =
        last >= 0
            && earlier.pass == 0
            && to.document > last
            && documents.get(last).bytes > earlier.bytes;
    seek(grown ? new Place(to.pass, last, earlier.bytes, true) : to);
    return true;
  }

  private String hash(long pass, int last, long length) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (int i = 0; i < (pass > 0 ? documents.size() : last + 1); i++) {
        Document d = documents.get(i);
        boolean mayGrow = i == last && pass == 0 && d.entry.isEmpty();
        String text =
            d.file.normalize()
                + "\0"
                + d.entry
                + "\0"
                + (mayGrow ? length : d.bytes)
                + "\0"
                + d.crc
                + "\0"
                + (d.isFasta() ? how.sequences() + "\0" : "");
        digest.update(text.getBytes(StandardCharsets.UTF_8));
      }
      if (last >= 0) {
        Document d = documents.get(last);
        if (d.entry.isEmpty() || d.reading != null) {
          sample(d.file, d.reading == null ? length : d.crc, digest);
        }
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Adds the beginning and the end of a file's first `length` bytes. A pipe can be read but once.
  private static void sample(Path file, long length, MessageDigest digest) {
    if (!Files.isRegularFile(file)) {
      return;
    }
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(SAMPLE, length));
      for (long at : new long[] {0, length - buffer.capacity()}) {
        channel.position(at);
        int read = 0;
        while (buffer.hasRemaining() && read >= 0) {
          read = channel.read(buffer);
        }
        digest.update(buffer.flip());
        buffer.clear();
      }
    } catch (IOException e) {
      // A file that was moved away while it was read must not keep a state from being saved; no
      // later input equals this.
      digest.update("unreadable".getBytes(StandardCharsets.UTF_8));
    }
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

  /// Whether no piece is left.
  public boolean atEnd() {
    return !repeat && place.document == documents.size();
  }

  /// Bytes before the next piece, in all passes.
  public long bytesRead() {
    long sum = place.pass * bytes + place.offset;
    for (int i = 0; i < place.document; i++) {
      sum += documents.get(i).bytes;
    }
    return sum;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  /// Goes on at a remembered place.
  public void seek(Place to) throws IOException {
    if (to.document < -1
        || to.document > documents.size()
        || to.document == documents.size() && to.offset > 0
        || to.offset < 0
        || to.pass < 0) {
      throw new IllegalArgumentException("no such place in the input: " + to);
    }
    closeDocument();
    place = to;
  }

  /// The next tokens, 16,384 or more unless the input ends; an empty array at the end. Small
  /// documents come together: short chunks are slow ones.
  public int[] next() throws IOException {
    return nextTokens().ids();
  }

  /// As [#next()], with their text.
  InputTokens nextTokens() throws IOException {
    List<InputTokens> pieces = new ArrayList<>();
    for (int length = 0; length < DocumentTokens.PIECE; ) {
      InputTokens more = piece();
      if (more.ids().length == 0) {
        break;
      }
      pieces.add(more);
      length += more.ids().length;
    }
    return InputTokens.join(pieces);
  }

  /// At most one document's.
  private InputTokens piece() throws IOException {
    if (place.document < 0) {
      place = new Place(0, 0, 0);
      return part(new int[] {tokenizer.endOfText()}, NOTHING);
    }
    if (place.document == documents.size()) {
      if (!repeat) {
        return InputTokens.NONE;
      }
      place = new Place(place.pass + 1, 0, 0);
    }
    DocumentTokens tokens;
    int[] ids;
    try {
      tokens = openDocument();
      ids = tokens.next();
      if (tokens.ended() && texts != null) {
        text = texts.next();
      }
    } catch (ZipException | EOFException | RejectedException e) {
      Document document = documents.get(place.document);
      if (document.entry.isEmpty()) {
        throw e;
      }
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "damaged archive: %s: %s: %s",
              document.file,
              document.entry,
              e.getMessage()),
          e);
    }
    TextPieces.Piece piece = tokens.piece();
    if (!tokens.ended()) {
      place = new Place(place.pass, place.document, from + tokens.bytes());
      return part(ids, piece);
    }
    long length = from + tokens.bytes();
    if (texts != null && text != null) {
      closeText();
      place = new Place(place.pass, place.document, length, true);
    } else {
      // A file may have grown, or shrunk, since the input was opened.
      Document document =
          documents.set(place.document, documents.get(place.document).withBytes(length));
      bytes += length - document.bytes;
      closeDocument();
      place = new Place(place.pass, place.document + 1, 0);
    }
    ids = Arrays.copyOf(ids, ids.length + 1);
    ids[ids.length - 1] = tokenizer.endOfText();
    return part(ids, piece);
  }

  private static InputTokens part(int[] ids, TextPieces.Piece piece) {
    return new InputTokens(ids, List.of(new InputTokens.Part(ids.length, piece)));
  }

  private DocumentTokens openDocument() throws IOException {
    DocumentTokens tokens = open;
    if (tokens == null) {
      Document document = documents.get(place.document);
      long before = document.reading == null ? 0 : openTexts(document, document.reading);
      InputStream in = openBytes(document);
      int known = place.begins ? 0 : (int) Math.min(4, place.offset - before);
      in.skipNBytes(place.offset - before - known);
      byte[] passed = in.readNBytes(known);
      if (passed.length < known) {
        throw new EOFException("the document ends before byte " + place.offset);
      }
      from = place.offset;
      tokens =
          new DocumentTokens(in, tokenizer, TextPieces.Piece.lastCharacter(NOTHING.text(), passed));
      open = tokens;
    }
    return tokens;
  }

  /// Finds the text at the place.
  ///
  /// @return bytes of the texts before it
  private long openTexts(Document document, Reading reading) throws IOException {
    if (texts != null) {
      return place.offset; // it follows on the one before
    }
    texts = texts(document.file, reading, document.inFolder, document.bytes);
    long before = 0;
    text = texts.next();
    while (text != null
        && (before + text.bytes() < place.offset
            || before + text.bytes() == place.offset && place.begins)) {
      before += text.bytes();
      text = texts.next();
    }
    return before;
  }

  private InputStream openBytes(Document document) throws IOException {
    if (document.reading != null) {
      if (text == null) {
        throw new EOFException("the document ends before byte " + place.offset);
      }
      return text.opener().open();
    }
    return document.entry.isEmpty()
        ? Files.newInputStream(document.file)
        : archive.entry(document.file, document.entry);
  }

  private void closeText() throws IOException {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  private void closeDocument() throws IOException {
    closeText();
    if (texts != null) {
      texts.close();
      texts = null;
      text = null;
    }
  }

  @Override
  public void close() throws IOException {
    closeDocument();
    archive.close();
  }
}
