// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.source.Reading;
import dev.longnet.core.data.source.RejectedException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.ResourceStack;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/// The one text of a file, whatever the file is.
public final class PromptText {
  private PromptText() {}

  /// @param how the field of rows, and whether the file is a text in any case; its path means
  ///   nothing here
  /// @param policy what expands too far
  /// @throws IllegalArgumentException where the file holds several texts, or none, or is not read
  public static InputStream open(Path file, CorpusSource how, InputPolicy policy)
      throws IOException {
    if (!Files.isRegularFile(file)) {
      return Files.newInputStream(file);
    }
    Reading reading;
    try {
      reading = Reading.ofText(file, how, policy, false);
    } catch (RejectedException e) {
      throw new FieldException(
          "%s can't be read: %s: %s", Field.of("promptFile"), file, e.getMessage());
    }
    if (reading.isRaw()) {
      return Files.newInputStream(file);
    }
    ResourceStack opened = new ResourceStack();
    try {
      long bytes = requireOne(file, reading, how, policy);
      FileTexts texts = opened.push(new FileTexts(file, reading, how, policy, false, "", bytes));
      FileTexts.Text text = texts.next();
      if (text == null) {
        throw new IOException("changed while it was read: " + file);
      }
      InputStream in = opened.push(text.opener().open());
      return new FilterInputStream(in) {
        @Override
        public void close() throws IOException {
          opened.close();
        }
      };
    } catch (IOException | RuntimeException e) {
      opened.closeAfter(e);
      throw e;
    }
  }

  /// @return bytes of the text
  private static long requireOne(Path file, Reading reading, CorpusSource how, InputPolicy policy)
      throws IOException {
    try (FileTexts texts = new FileTexts(file, reading, how, policy, false, "", 0)) {
      FileTexts.Text text = texts.next();
      if (text == null) {
        throw new FieldException(
            "%s must hold a text: %s (%s) holds none",
            Field.of("promptFile"), file, reading.words());
      }
      if (texts.next() != null) {
        throw new FieldException(
            "%s must hold one text: %s (%s) holds several, which %s reads into a state for %s",
            Field.of("promptFile"),
            file,
            reading.words(),
            Field.of("streamInput"),
            Field.of("loadState"));
      }
      return text.bytes();
    }
  }
}
