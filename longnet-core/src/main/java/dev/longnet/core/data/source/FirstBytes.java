// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.io.FileKind;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.Charset;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarUtils;
import org.jspecify.annotations.Nullable;

/// Tells how a file is read: by what it begins with; where that says nothing, by the end of its
/// name. The rules stand in docs/recipes.md, "How a file is read".
final class FirstBytes {
  /// As many as are searched for a NUL byte.
  static final int HEAD = 8000;

  private static final int TAR_HEADER = 512;

  /// Where it says its checksum, in six octal digits or fewer.
  private static final int TAR_CHECKSUM = 148;

  private static final int ROWS = 2;

  private final Path file;
  private final CorpusSource source;
  private final InputPolicy policy;
  private final boolean inFolder;

  /// The file's, in lower case, and without the end that tells how it is packed.
  private final String name;

  private final String inner;

  FirstBytes(Path file, CorpusSource source, InputPolicy policy, boolean inFolder) {
    this.file = file;
    this.source = source;
    this.policy = policy;
    this.inFolder = inFolder;
    this.name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    this.inner = Packing.inner(name);
  }

  Reading reading() throws IOException {
    byte[] head = head();
    if (inFolder && head.length == 0) {
      return Reading.RAW;
    }
    String headText = latin1(head);
    Packing packing = Packing.ofContent(headText);
    boolean utf8 = isText(head, StandardCharsets.UTF_8);
    // Whoever fetched a .gz may have got it unpacked.
    if (packing == Packing.NONE && (head.length == 0 || !utf8)) {
      packing = Packing.ofName(name);
    }
    byte[] content = packing == Packing.NONE ? head : beginning(packing);
    String contentText = packing == Packing.NONE ? headText : latin1(content);
    Reading.Kind archive = archive(contentText, content);
    if (archive != null) {
      return inArchive(packing, archive, headText);
    }
    Optional<Charset> charset = charset(contentText, content);
    boolean text =
        charset.isPresent()
            || (packing == Packing.NONE ? utf8 : isText(content, StandardCharsets.UTF_8));
    refuseOthers(packing, contentText, text, headText);
    // Rows may hold bytes that are not UTF-8.
    boolean mayBeRows = text || contentText.indexOf('\0') < 0;
    return new Reading(
        packing, charset, mayBeRows ? rows(packing, charset, content) : byName(packing));
  }

  private byte[] head() throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(HEAD);
    }
  }

  /// As much as can be unpacked of the beginning. Whoever reads the file says what is wrong with
  /// it.
  private byte[] beginning(Packing packing) throws IOException {
    byte[] content = new byte[HEAD];
    int length = 0;
    try (GuardedInput in =
        GuardedInput.open(file, Reading.of(packing, Reading.Kind.TEXT), policy)) {
      for (int n = 0; n >= 0 && length < HEAD; length += Math.max(0, n)) {
        n = in.read(content, length, HEAD - length);
      }
    } catch (IOException | RuntimeException e) {
      NativeCode.check(e);
      if (e instanceof RejectedException other && other.reason() == Reason.UNSUPPORTED) {
        throw other;
      }
    }
    return Arrays.copyOf(content, length);
  }

  /// Null where the content begins like none.
  ///
  /// @param head the content, a byte a character, as everywhere here
  private Reading.@Nullable Kind archive(String head, byte[] content) throws IOException {
    if (head.startsWith("PK\u0003\u0004")
        && (inner.matches(".*\\.(zip|jar)") || isPlainZip(head))) {
      return Reading.Kind.ZIP;
    }
    if (head.startsWith("PAR1") && (inner.endsWith(".parquet") || endsWith("PAR1"))) {
      return Reading.Kind.PARQUET;
    }
    return content.length >= TAR_HEADER && content[0] != 0 && isTarHeader(content)
        ? Reading.Kind.TAR
        : null;
  }

  /// Office documents, arrays and models are zips, too.
  private static boolean isPlainZip(String head) {
    return FileKind.of(head).filter(FileKind.ZIP::equals).isPresent();
  }

  private boolean endsWith(String mark) throws IOException {
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      ByteBuffer end = ByteBuffer.allocate(mark.length());
      channel.position(Math.max(0, channel.size() - mark.length()));
      channel.read(end);
      return latin1(end.array()).equals(mark);
    }
  }

  private static boolean isTarHeader(byte[] content) {
    for (int i = TAR_CHECKSUM; i < TAR_CHECKSUM + 6; i++) {
      if (content[i] != ' ' && content[i] != 0 && (content[i] < '0' || content[i] > '7')) {
        return false; // at once, as for nearly every text
      }
    }
    try {
      return TarUtils.verifyCheckSum(Arrays.copyOf(content, TAR_HEADER));
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private Reading inArchive(Packing packing, Reading.Kind kind, String head)
      throws RejectedException {
    Reading reading = Reading.of(packing, kind);
    if (packing != Packing.NONE && kind != Reading.Kind.TAR) {
      throw refused(reading.words() + ": unpack it first", head);
    }
    if (inFolder && kind != Reading.Kind.PARQUET) {
      if (policy.binary() == InputPolicy.Action.KEEP) {
        return Reading.RAW;
      }
      throw refused(
          reading.words() + ", an archive in a folder: name it, or a glob, as a source", head);
    }
    return reading;
  }

  /// @param head the file's, packed as it may be: what the pipeline would find binary stays so
  private static RejectedException refused(String what, String head) {
    return new RejectedException(
        head.indexOf('\0') >= 0 ? Reason.BINARY : Reason.UNSUPPORTED, what);
  }

  /// Says what a file is that is not read.
  private void refuseOthers(Packing packing, String content, boolean text, String head)
      throws RejectedException {
    Optional<String> kind = FileKind.of(content);
    if (kind.isEmpty() && !text) {
      kind = unmarked(content);
    }
    if (kind.isEmpty()) {
      return;
    }
    boolean pointer = kind.get().equals(FileKind.LFS_POINTER);
    // A page that a server sent in place of what was asked for.
    boolean page = kind.get().equals(FileKind.HTML) && !isNamedAsText();
    boolean other = !text && policy.binary() != InputPolicy.Action.KEEP;
    if (pointer && head.length() < HEAD || page || other) {
      throw refused(kind.get() + (packing == Packing.NONE ? "" : " in " + packing.words()), head);
    }
  }

  private boolean isNamedAsText() {
    return Packing.ofName(name) == Packing.NONE
        && !inner.matches(".*\\.(jsonl|ndjson|parquet|zip|jar|tar)")
        && (inFolder || !inner.endsWith(".json"));
  }

  private static Optional<Charset> charset(String head, byte[] content) {
    List<String> names =
        head.startsWith("\u00ff\u00fe\0\0")
            ? List.of("UTF-32LE", "UTF-16LE")
            : head.startsWith("\0\0\u00fe\u00ff")
                ? List.of("UTF-32BE")
                : head.startsWith("\u00ff\u00fe")
                    ? List.of("UTF-16LE")
                    : head.startsWith("\u00fe\u00ff") ? List.of("UTF-16BE") : List.of();
    return names.stream().map(Charset::forName).filter(c -> isText(content, c)).findFirst();
  }

  /// Whether it is valid and has no NUL character; a character may be cut at the end.
  private static boolean isText(byte[] bytes, Charset charset) {
    return charset.equals(StandardCharsets.UTF_8) && isAscii(bytes) // as nearly every file
        || decoded(bytes, charset).filter(text -> text.indexOf('\0') < 0).isPresent();
  }

  private static Optional<String> decoded(byte[] bytes, Charset charset) {
    CharBuffer chars = CharBuffer.allocate(bytes.length + 1);
    CoderResult result =
        charset.newDecoder().decode(ByteBuffer.wrap(bytes), chars, bytes.length < HEAD);
    return result.isError() ? Optional.empty() : Optional.of(chars.flip().toString());
  }

  /// Windows writes such texts. Numbers, pictures and programs hold what is no character of any
  /// text; in the wrong order of bytes a text has neither spaces nor line ends.
  private static Optional<String> unmarked(String content) {
    if (content.indexOf('\0') < 0 || content.length() < 8) {
      return Optional.empty();
    }
    byte[] bytes = content.getBytes(StandardCharsets.ISO_8859_1);
    return Stream.of("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")
        .filter(name ->
            decoded(bytes, Charset.forName(name))
                .filter(text -> text.indexOf(' ') >= 0 || text.indexOf('\n') >= 0)
                .filter(text -> text.codePoints().allMatch(FirstBytes::isOfText))
                .isPresent())
        .findFirst()
        .map(name -> "a text in " + name + " without a byte order mark: convert it to UTF-8");
  }

  private static boolean isOfText(int c) {
    return Character.isISOControl(c)
        ? Character.isWhitespace(c)
        : Character.isDefined(c) && Character.getType(c) != Character.PRIVATE_USE;
  }

  /// Whether every byte is an ASCII character but NUL.
  private static boolean isAscii(byte[] bytes) {
    for (byte b : bytes) {
      if (b <= 0) {
        return false;
      }
    }
    return true;
  }

  /// A text may be sequences, or rows: JSON lines or an array, whose objects have the text field.
  private Reading.Kind rows(Packing packing, Optional<Charset> charset, byte[] content)
      throws IOException {
    String text = new String(content, charset.orElse(StandardCharsets.UTF_8));
    text = text.startsWith("\uFEFF") ? text.substring(1) : text;
    if (isFasta(text)) {
      return Reading.Kind.FASTA;
    }
    text = text.stripLeading();
    if (text.startsWith("[") && text.substring(1).stripLeading().startsWith("{")) {
      Beginning rows = look(new Reading(packing, charset, Reading.Kind.JSON_ARRAY));
      return rows.withText > 0 && !rows.broken && (rows.rows == ROWS || !inFolder)
          ? Reading.Kind.JSON_ARRAY
          : byName(packing);
    }
    if (!text.startsWith("{")) {
      return byName(packing);
    }
    Beginning rows = look(new Reading(packing, charset, Reading.Kind.JSON_LINES));
    boolean lines = rows.rows == ROWS && !rows.broken;
    if (rows.withText > 0 && (lines || isNamedJsonLines())) {
      return Reading.Kind.JSON_LINES;
    }
    Reading.Kind named = byName(packing);
    if (named != Reading.Kind.TEXT || !lines) {
      return named;
    }
    // Compressed tables were never read as texts; whoever named the wrong field hears of it.
    return packing == Packing.NONE ? Reading.Kind.OTHER_ROWS : Reading.Kind.JSON_LINES;
  }

  /// Told by name and content: quotations and shell transcripts begin alike.
  private boolean isFasta(String text) {
    return inner.matches(".*\\.(fa|fasta|fna|ffn|faa|frn|fas)")
        && text.lines()
            .filter(line -> !line.isBlank() && !line.startsWith(";"))
            .findFirst()
            .filter(line -> line.startsWith(">"))
            .isPresent();
  }

  /// The first two rows.
  ///
  /// @param withText rows that have the text field
  /// @param broken whether one of them is no JSON object
  private record Beginning(int rows, int withText, boolean broken) {}

  private Beginning look(Reading reading) throws IOException {
    Admission all = new Admission(DocumentFilter.ALL, policy);
    int rows = 0;
    int withText = 0;
    boolean broken = false;
    try (DocumentReader reader = new JsonReader(file, reading, name, source, all)) {
      for (Entry row = reader.next(); row != null; row = rows < ROWS ? reader.next() : null) {
        rows++;
        try {
          if (row instanceof Entry.Text text) {
            text.loader().load();
            withText++;
          } else {
            broken = true;
          }
        } catch (RejectedException e) {
          broken |= e.reason() != Reason.MALFORMED_ROW && e.reason() != Reason.HALF_CHARACTER;
        }
      }
    }
    return new Beginning(rows, withText, broken);
  }

  private boolean isNamedJsonLines() {
    return inner.matches(".*\\.(jsonl|ndjson)");
  }

  /// In a folder a name alone promises nothing: what does not begin as it should is a text.
  private Reading.Kind byName(Packing packing) {
    if (isNamedJsonLines() && (!inFolder || packing != Packing.NONE)) {
      return Reading.Kind.JSON_LINES;
    }
    if (inFolder) {
      return Reading.Kind.TEXT;
    }
    if (inner.endsWith(".tar")) {
      return Reading.Kind.TAR;
    }
    if (packing != Packing.NONE) {
      return Reading.Kind.TEXT;
    }
    return inner.endsWith(".parquet")
        ? Reading.Kind.PARQUET
        : inner.matches(".*\\.(zip|jar)") ? Reading.Kind.ZIP : Reading.Kind.TEXT;
  }

  private static String latin1(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
