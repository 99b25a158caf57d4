package dev.longnet.lm.data.tokenizer;

import dev.longnet.lm.data.Tokenizer;

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

  /// @param name `bytes`, `cl100k_base` or `o200k_base`
  public static Tokenizer of(String name) {
    return switch (name) {
      case "bytes" -> BYTES;
      case "cl100k_base" -> Cl100k.INSTANCE;
      case "o200k_base" -> O200k.INSTANCE;
      default ->
          throw new IllegalArgumentException("tokenizer must be one of bytes, cl100k_base, o200k_base: tokenizer=" + name);
    };
  }

  /// @param name as [#of]
  public static int vocabularySize(String name) {
    return of(name).vocabularySize();
  }
}
