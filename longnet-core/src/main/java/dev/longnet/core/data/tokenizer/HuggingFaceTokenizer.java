// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.Digests;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.io.EnvironmentException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Any Hugging Face `tokenizer.json`, by Hugging Face's own library (through DJL's binding; its
/// native code travels in the jar, nothing is fetched).
///
/// Special tokens are taken out of the file before the library sees it, so that text that looks
/// like one is ordinary text. Bytes that are not valid UTF-8 become the vocabulary's byte tokens
/// (byte-level `Ġ` alphabets and `<0x0A>` byte fallback) where it has them.
final class HuggingFaceTokenizer implements Tokenizer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long MAX_FILE_BYTES = 256L << 20;

  /// Tables have a row for each id: a single huge one must not fill the memory.
  private static final int MAX_ID = 1 << 22;

  /// What the end of a document is called, the likeliest first.
  private static final List<String> END_NAMES =
      List.of(
          "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eot_id|>", "<|im_end|>", "[SEP]");

  private final String name;
  private final byte[] file;
  private final boolean byteLevel;
  private final boolean changesText;
  private final int vocabularySize;
  private final int endOfText;

  /// Bytes of each id where tokens stand for bytes one by one; null where only the library can
  /// decode.
  private final byte @Nullable [][] bytesOf;

  /// The id of each single byte, -1 where there is none.
  private final int[] byteIds = new int[256];

  private final long handle;

  private HuggingFaceTokenizer(String name, byte[] file) {
    this.name = name;
    this.file = file;
    ObjectNode tree = parse(name, file);
    tree.path("added_tokens").forEach(added -> id(added.path("id"), name));
    Map<Integer, String> special = takeSpecialTokens(tree);
    Map<String, Integer> vocabulary = vocabulary(tree, name);
    this.byteLevel = mentions(tree.path("decoder"), "ByteLevel");
    this.changesText =
        tree.hasNonNull("normalizer")
            || tree.path("pre_tokenizer").findValues("add_prefix_space").stream()
                .anyMatch(JsonNode::asBoolean)
            || tree.path("pre_tokenizer").findValuesAsText("behavior").contains("Removed")
            // Added tokens that take the spaces around them along; they are decoded without.
            || tree.path("added_tokens").findValues("lstrip").stream().anyMatch(JsonNode::asBoolean)
            || tree.path("added_tokens").findValues("rstrip").stream()
                .anyMatch(JsonNode::asBoolean);
    int largest = vocabulary.values().stream().mapToInt(i -> i).max().orElse(-1);
    for (JsonNode added : tree.path("added_tokens")) {
      largest = Math.max(largest, added.path("id").asInt());
    }
    largest = Math.max(largest, special.keySet().stream().mapToInt(i -> i).max().orElse(-1));
    Optional<Integer> end = endOfText(special);
    // A vocabulary without a name for the end of a document gets one more id.
    this.endOfText = end.orElse(largest + 1);
    this.vocabularySize = Math.max(largest, endOfText) + 1;
    this.bytesOf = byteLevel ? byteTable(vocabulary, tree.path("added_tokens"), special) : null;
    findByteTokens(vocabulary);
    this.handle = load(name, tree);
  }

  /// @throws IllegalArgumentException when the file is not a tokenizer
  static Tokenizer open(Path path) throws IOException {
    if (Files.size(path) > MAX_FILE_BYTES) {
      throw new IllegalArgumentException("not a tokenizer.json, it is too large: " + path);
    }
    return new HuggingFaceTokenizer(path.toString(), Files.readAllBytes(path));
  }

  private static ObjectNode parse(String name, byte[] file) {
    try {
      if (JSON.readTree(file) instanceof ObjectNode object && object.has("model")) {
        // Whole documents are encoded, as they are.
        object.putNull("truncation");
        object.putNull("padding");
        return object;
      }
      throw new IllegalArgumentException(
          "not a Hugging Face tokenizer.json, it has no model: " + name);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "not a tokenizer.json: " + name + ": " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Removes special tokens from the tree; returns them by id.
  private static Map<Integer, String> takeSpecialTokens(ObjectNode tree) {
    Map<Integer, String> special = new HashMap<>();
    if (tree.get("added_tokens") instanceof ArrayNode added) {
      for (int i = added.size() - 1; i >= 0; i--) {
        if (added.get(i).path("special").asBoolean()) {
          special.put(added.get(i).path("id").asInt(), added.get(i).path("content").asText());
          added.remove(i);
        }
      }
    }
    // Templates around a text name special tokens; documents are encoded without them.
    tree.putNull("post_processor");
    return special;
  }

  private static Map<String, Integer> vocabulary(ObjectNode tree, String name) {
    Map<String, Integer> result = new HashMap<>();
    JsonNode vocab = tree.path("model").path("vocab");
    if (vocab.isObject()) {
      vocab.properties().forEach(e -> result.put(e.getKey(), id(e.getValue(), name)));
    } else if (vocab.isArray()) {
      for (int i = 0; i < vocab.size(); i++) {
        result.put(vocab.get(i).path(0).asText(), i);
      }
    }
    return result;
  }

  private static int id(JsonNode id, String name) {
    if (!id.canConvertToInt()
        || !id.isIntegralNumber()
        || id.intValue() < 0
        || id.intValue() > MAX_ID) {
      String shown = id.toString();
      throw new IllegalArgumentException(
          "not a tokenizer.json, ids must be whole numbers from 0 to "
              + MAX_ID
              + ": id="
              + shown.substring(0, Math.min(shown.length(), 40))
              + ": "
              + name);
    }
    return id.intValue();
  }

  private static Optional<Integer> endOfText(Map<Integer, String> special) {
    for (String name : END_NAMES) {
      for (Map.Entry<Integer, String> token : special.entrySet()) {
        if (token.getValue().equals(name)) {
          return Optional.of(token.getKey());
        }
      }
    }
    return Optional.empty();
  }

  private static boolean mentions(JsonNode node, String type) {
    return node.path("type").asText().equals(type) || node.findValuesAsText("type").contains(type);
  }

  private byte[][] byteTable(
      Map<String, Integer> vocabulary, JsonNode added, Map<Integer, String> special) {
    byte[][] table = new byte[vocabularySize][];
    vocabulary.forEach((token, id) -> table[id] = ByteAlphabet.decode(token));
    for (JsonNode token : added) {
      table[token.path("id").asInt()] =
          token.path("content").asText().getBytes(StandardCharsets.UTF_8);
    }
    special.keySet().forEach(id -> table[id] = new byte[0]);
    for (int id = 0; id < table.length; id++) {
      table[id] = table[id] == null ? new byte[0] : table[id];
    }
    return table;
  }

  private void findByteTokens(Map<String, Integer> vocabulary) {
    for (int b = 0; b < 256; b++) {
      String token =
          byteLevel
              ? String.valueOf(ByteAlphabet.character(b))
              : String.format(Locale.ROOT, "<0x%02X>", b);
      byteIds[b] = vocabulary.getOrDefault(token, -1);
    }
  }

  private static long load(String name, ObjectNode tree) {
    // Read by the binding when it loads: the native code of the jar for the processor, never a
    // download.
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("RUST_FLAVOR", "cpu");
    try {
      LibUtils.checkStatus();
      return TokenizersLibrary.LIB.createTokenizerFromString(tree.toString());
    } catch (LinkageError | EngineException e) {
      throw new EnvironmentException(
          "Hugging Face's tokenizer library can't be loaded on this platform: use bytes, cl100k_base or o200k_base",
          e);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          "not a tokenizer.json: " + name + ": " + e.getMessage(), e);
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
    // Four bytes an id, also where every byte is a run of its own.
    IntStream.Builder ids = IntStream.builder();
    Utf8Runs.split(
        utf8,
        new Utf8Runs.Sink() {
          private int @Nullable [] replacement;

          @Override
          public void text(String run) {
            add(encode(run));
          }

          @Override
          public void invalidByte(int unsigned) {
            if (byteIds[unsigned] >= 0) {
              ids.add(byteIds[unsigned]);
              return;
            }
            // What has no byte tokens sees what a decoder of UTF-8 shows instead.
            replacement = replacement == null ? encode("\uFFFD") : replacement;
            add(replacement);
          }

          private void add(int[] run) {
            for (int id : run) {
              ids.add(id);
            }
          }
        });
    return ids.build().toArray();
  }

  private int[] encode(String text) {
    long encoding = TokenizersLibrary.LIB.encode(handle, text, false);
    try {
      return Arrays.stream(TokenizersLibrary.LIB.getTokenIds(encoding))
          .mapToInt(Math::toIntExact)
          .toArray();
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  @Override
  public byte[] decode(int[] ids) {
    for (int id : ids) {
      if (id < 0 || id >= vocabularySize) {
        throw new IllegalArgumentException(
            "token id must be from 0 to " + (vocabularySize - 1) + ": id=" + id);
      }
    }
    if (bytesOf != null) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(ids.length * 4);
      for (int id : ids) {
        out.writeBytes(bytesOf[id]);
      }
      return out.toByteArray();
    }
    long[] text = Arrays.stream(ids).filter(id -> id != endOfText).asLongStream().toArray();
    return TokenizersLibrary.LIB.decode(handle, text, false).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public boolean lossless() {
    return byteLevel && !changesText && Arrays.stream(byteIds).allMatch(id -> id >= 0);
  }

  @Override
  public String fingerprint() {
    return "json-" + HexFormat.of().formatHex(Digests.sha256().digest(file), 0, 16);
  }

  @Override
  public Optional<byte[]> definition() {
    return Optional.of(file.clone());
  }
}
