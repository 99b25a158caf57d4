// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.core.data.Digests;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.TextDecoder;
import dev.longnet.core.data.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Any Hugging Face `tokenizer.json`, by Hugging Face's own library.
///
/// Special tokens are taken out of the file before the library sees it ([TokenizerTree]). Bytes
/// that are not valid UTF-8 become the vocabulary's byte tokens (byte-level `Ġ` alphabets and
/// `<0x0A>` byte fallback) where it has them.
final class HuggingFaceTokenizer implements Tokenizer {
  private static final long MAX_FILE_BYTES = 256L << 20;

  private final String name;
  private final byte[] file;
  private final boolean byteLevel;
  private final boolean changesText;
  private final int vocabularySize;
  private final int endOfText;
  private final TextCuts cuts;
  private final PieceEncoder encoder;

  /// Bytes of each id where tokens stand for bytes one by one.
  private final byte @Nullable [][] bytesOf;

  /// Texts of ids where they depend on their place.
  private final Optional<TokenTexts> texts;

  /// The id of each single byte, -1 where there is none.
  private final int[] byteIds = new int[256];

  private final Set<Integer> control;

  /// Which ids stand for one byte of a character.
  private final boolean[] isByte;

  private HuggingFaceTokenizer(String name, byte[] file) {
    this.name = name;
    this.file = file;
    TokenizerTree tree = new TokenizerTree(name, file);
    this.byteLevel = TokenizerTree.mentions(tree.tree().path("decoder"), "ByteLevel");
    JsonNode pre = tree.tree().path("pre_tokenizer");
    this.changesText =
        tree.tree().hasNonNull("normalizer")
            || pre.findValues("add_prefix_space").stream().anyMatch(JsonNode::asBoolean)
            || pre.findValuesAsText("behavior").contains("Removed")
            // Added tokens that take the spaces around them along; they are decoded without.
            || tree.added().findValues("lstrip").stream().anyMatch(JsonNode::asBoolean)
            || tree.added().findValues("rstrip").stream().anyMatch(JsonNode::asBoolean);
    this.endOfText = tree.endOfText();
    this.vocabularySize = tree.vocabularySize();
    this.bytesOf = byteLevel ? byteTable(tree) : null;
    this.texts = byteLevel ? Optional.empty() : TokenTexts.of(tree);
    this.control = Set.copyOf(tree.special().keySet());
    this.isByte = new boolean[vocabularySize];
    findByteTokens(tree);
    NativeTokenizer library = NativeTokenizer.load(name, tree.tree());
    this.cuts = CutRules.of(name, tree);
    this.encoder = new PieceEncoder(library, new Continuation(name, tree, library), byteIds);
  }

  /// @throws IllegalArgumentException when the file is not a tokenizer
  static Tokenizer open(Path path) throws IOException {
    if (Files.size(path) > MAX_FILE_BYTES) {
      throw new IllegalArgumentException("not a tokenizer.json, it is too large: " + path);
    }
    return new HuggingFaceTokenizer(path.toString(), Files.readAllBytes(path));
  }

  private byte[][] byteTable(TokenizerTree tree) {
    byte[][] table = new byte[vocabularySize][];
    tree.vocabulary().forEach((token, id) -> table[id] = ByteAlphabet.decode(token));
    for (JsonNode token : tree.added()) {
      table[token.path("id").asInt()] =
          token.path("content").asText().getBytes(StandardCharsets.UTF_8);
    }
    tree.special().keySet().forEach(id -> table[id] = new byte[0]);
    for (int id = 0; id < table.length; id++) {
      table[id] = table[id] == null ? new byte[0] : table[id];
    }
    return table;
  }

  private void findByteTokens(TokenizerTree tree) {
    for (int b = 0; b < 256; b++) {
      String token = byteLevel ? String.valueOf(ByteAlphabet.character(b)) : BlankRule.byteToken(b);
      byteIds[b] = tree.vocabulary().getOrDefault(token, -1);
      if (!byteLevel && byteIds[b] >= 0) {
        isByte[byteIds[b]] = true;
      }
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int vocabularySize() {
    return vocabularySize;
  }

  @Override
  public int endOfText() {
    return endOfText;
  }

  @Override
  public int[] encode(byte[] utf8) {
    return encoder.encode(utf8);
  }

  @Override
  public int[] encode(byte[] before, byte[] utf8) {
    return encoder.encode(before, utf8);
  }

  @Override
  public TextCuts cuts() {
    return cuts;
  }

  @Override
  public byte[] decode(int[] ids) {
    for (int id : ids) {
      check(id);
    }
    if (bytesOf == null && texts.isEmpty()) {
      int[] ordinary = Arrays.stream(ids).filter(this::hasText).toArray();
      return encoder.library().decode(ordinary).getBytes(StandardCharsets.UTF_8);
    }
    TextDecoder decoder = newDecoder();
    ByteArrayOutputStream out = new ByteArrayOutputStream(ids.length * 4);
    for (int id : ids) {
      out.writeBytes(decoder.next(id));
    }
    return out.toByteArray();
  }

  private void check(int id) {
    if (id < 0 || id >= vocabularySize) {
      throw new IllegalArgumentException(
          "token id must be from 0 to " + (vocabularySize - 1) + ": id=" + id);
    }
  }

  @Override
  public TextDecoder newDecoder() {
    TextDecoder decoder =
        bytesOf != null
            ? id -> bytesOf[id]
            : texts
                .map(TokenTexts::newDecoder)
                .orElseGet(() -> new LibraryDecoder(encoder.library(), this::hasText));
    return id -> {
      check(id);
      return decoder.next(id);
    };
  }

  @Override
  public boolean hasText(int id) {
    if (id < 0 || id >= vocabularySize) {
      return false;
    }
    return bytesOf != null
        ? bytesOf[id].length > 0
        : texts.map(t -> t.hasText(id)).orElse(id != endOfText && !control.contains(id));
  }

  @Override
  public boolean givesBack(byte[] before, byte[] utf8, int[] ids) {
    return counts(before, utf8, ids).isPresent();
  }

  @Override
  public int[] byteCounts(byte[] before, byte[] utf8) {
    int[] ids = encode(before, utf8);
    return counts(before, utf8, ids).orElseGet(() -> aligned(before, utf8, ids));
  }

  /// Bytes of each id in its context; empty where they are not those of the text.
  private Optional<int[]> counts(byte[] before, byte[] utf8, int[] ids) {
    TextDecoder decoder = newDecoder();
    for (int id : before.length == 0 ? new int[0] : encode(before)) {
      decoder.next(id);
    }
    int[] counts = new int[ids.length];
    int at = 0;
    for (int i = 0; i < ids.length; i++) {
      byte[] bytes = decoder.next(ids[i]);
      int end = at + bytes.length;
      if (end > utf8.length || !Arrays.equals(bytes, 0, bytes.length, utf8, at, end)) {
        return Optional.empty();
      }
      counts[i] = bytes.length;
      at = end;
    }
    return at == utf8.length ? Optional.of(counts) : Optional.empty();
  }

  /// Counts where the ids do not give the text back: by what the library says of its tokens.
  private int[] aligned(byte[] before, byte[] utf8, int[] ids) {
    int[] ends = encoder.ends(before, utf8);
    int[] counts = new int[ids.length];
    int done = 0;
    for (int i = 0; i < ids.length; i++) {
      // Byte tokens of one character: a byte each, and the last of them what is left.
      boolean shared =
          i + 1 < ids.length
              && isByte[ids[i]]
              && isByte[ids[i + 1]]
              && ends[i + 1] == ends[i]
              && done + 1 < ends[i];
      int end = shared ? done + 1 : Math.max(done, ends[i]);
      counts[i] = end - done;
      done = end;
    }
    return counts;
  }

  @Override
  public boolean lossless() {
    return byteLevel && !changesText && IntStream.of(byteIds).allMatch(id -> id >= 0);
  }

  @Override
  public String fingerprint() {
    // Ids of other than byte-level files changed once: at cuts, and for the names of control
    // tokens.
    String version = byteLevel ? "json-" : "json2-";
    return version + HexFormat.of().formatHex(Digests.sha256().digest(file), 0, 16);
  }

  @Override
  public Optional<byte[]> definition() {
    return Optional.of(file.clone());
  }
}
