// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import ai.djl.util.Utils;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.source.NativeCode;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.NativeCache;
import java.util.Arrays;
import java.util.function.LongFunction;

/// Hugging Face's own library (through DJL's binding; its native code travels in the jar, nothing
/// is fetched). Safe for use by many threads.
///
/// @param name of the file, for messages
/// @param handle of the library, kept as long as the process lives
record NativeTokenizer(String name, long handle) {
  /// @param name for messages
  /// @throws IllegalArgumentException when the library refuses the file
  static NativeTokenizer load(String name, ObjectNode tree) {
    // Read by the binding when it loads: the native code of the jar for the processor, never a
    // download.
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("RUST_FLAVOR", "cpu");
    NativeCache.place("ENGINE_CACHE_DIR", "DJL_CACHE_DIR");
    try {
      LibUtils.checkStatus();
      return new NativeTokenizer(
          name, TokenizersLibrary.LIB.createTokenizerFromString(tree.toString()));
    } catch (LinkageError | EngineException e) {
      throw missing(e);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          "not a tokenizer.json: " + name + ": " + e.getMessage(), e);
    }
  }

  static EnvironmentException missing(Throwable e) {
    return new EnvironmentException(
        "Hugging Face's tokenizer library does not load from "
            + Utils.getEngineCacheDir("tokenizers")
            + " ("
            + NativeCode.reason(e)
            + "): name a directory that is writable and not mounted noexec: -DENGINE_CACHE_DIR=DIR "
            + "(LONGNET_JAVA_OPTS=-DENGINE_CACHE_DIR=DIR for ./longnet), or use bytes, cl100k_base or o200k_base",
        e);
  }

  int[] encode(String text) {
    return with(text, NativeTokenizer::ids);
  }

  /// Where the ids' text ends, in characters (code points).
  int[] ends(String text) {
    return with(
        text,
        encoding ->
            Arrays.stream(TokenizersLibrary.LIB.getTokenCharSpans(encoding))
                .mapToInt(CharSpan::getEnd)
                .toArray());
  }

  private static int[] ids(long encoding) {
    return Arrays.stream(TokenizersLibrary.LIB.getTokenIds(encoding))
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  private <T> T with(String text, LongFunction<T> use) {
    long encoding;
    try {
      encoding = TokenizersLibrary.LIB.encode(handle, text, false);
    } catch (RuntimeException e) { // the file lacks what the text needs
      throw new IllegalArgumentException(
          "the tokenizer can't encode a text: " + name + ": " + e.getMessage(), e);
    }
    try {
      return use.apply(encoding);
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  String decode(int[] ids) {
    return TokenizersLibrary.LIB.decode(handle, Arrays.stream(ids).asLongStream().toArray(), false);
  }
}
