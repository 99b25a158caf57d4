// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/// Small texts that users bring. One whose bytes are no text is damaged, which is no failure of the
/// disk.
public final class Texts {
  private static final Pattern PARSERS_OWN =
      Pattern.compile(
          " ?\\(start marker at \\[.*?]\\)| ?\\(not recognized as one since Feature .*?\\)"
              + "|, from `[^`]*`|: enable `[^`]*` to allow");

  private Texts() {}

  /// A file's text.
  ///
  /// @throws IllegalArgumentException when it is not UTF-8, or a directory
  public static String read(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IllegalArgumentException("a directory, not a file: " + file);
    }
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("not a text in UTF-8: " + file, e);
    }
  }

  /// What another process said: bytes of its locale that are not UTF-8 are shown as U+FFFD.
  public static String said(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
  }

  /// Why a text is no JSON or YAML, in a line without the names of the parser's own settings.
  public static String reason(JsonProcessingException e) {
    String first = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("no reason");
    return PARSERS_OWN.matcher(first).replaceAll("");
  }

  /// A file's JSON.
  ///
  /// @throws JsonProcessingException when it is none, in UTF-8 or another charset that JSON may
  ///   have
  public static JsonNode json(ObjectMapper mapper, byte[] file) throws JsonProcessingException {
    try {
      return mapper.readTree(file);
    } catch (JsonProcessingException e) {
      throw e;
    } catch (IOException e) { // of the charset: the bytes are in memory
      throw new JsonParseException(null, String.valueOf(e.getMessage()), e);
    }
  }
}
