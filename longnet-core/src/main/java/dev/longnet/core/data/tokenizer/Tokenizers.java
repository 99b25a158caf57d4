// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import dev.longnet.core.data.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// Tokenizers by the name a recipe or a manifest gives them.
public final class Tokenizers {
  private Tokenizers() {}

  private static final Tokenizer BYTES = new ByteTokenizer();

  // Vocabularies take a second to load and tens of megabytes: once, when asked for.
  private static final class Cl100k {
    private static final Tokenizer INSTANCE = TiktokenTokenizer.cl100k();
  }

  private static final class O200k {
    private static final Tokenizer INSTANCE = TiktokenTokenizer.o200k();
  }

  /// @param name `bytes`, `cl100k_base`, `o200k_base`, or the path of a Hugging Face
  ///   `tokenizer.json`
  public static Tokenizer of(String name) {
    return switch (name) {
      case "bytes" -> BYTES;
      case "cl100k_base" -> Cl100k.INSTANCE;
      case "o200k_base" -> O200k.INSTANCE;
      default -> fromFile(name);
    };
  }

  /// Whether a name is a file's and not one of those known here.
  public static boolean isFile(String name) {
    return name.endsWith(".json");
  }

  /// @param name as [#of]
  public static int vocabularySize(String name) {
    return of(name).vocabularySize();
  }

  private static Tokenizer fromFile(String name) {
    if (!isFile(name)) {
      throw new IllegalArgumentException(
          "tokenizer must be bytes, cl100k_base, o200k_base or the path of a tokenizer.json: tokenizer="
              + name);
    }
    try {
      return HuggingFaceTokenizer.open(Path.of(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("not a path: tokenizer=" + name, e);
    }
  }
}
