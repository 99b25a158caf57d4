// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParquetReaderTest {
  @TempDir Path temp;

  private CorpusSource resource(String name) throws IOException {
    Path file = temp.resolve(name);
    try (InputStream in = ParquetReaderTest.class.getResourceAsStream("/corpora/" + name)) {
      Files.copy(in, file);
    }
    return new CorpusSource(file.toString(), OptionalDouble.empty(), "content", "path");
  }

  /// With a user's patience: a cold start on a busy core takes seconds.
  private static Walked read(CorpusSource source, InputPolicy policy) throws IOException {
    Admission admission = new Admission(DocumentFilter.ALL, policy);
    return Walked.of(
        new ParquetReader(Path.of(source.path()), source, admission, ParquetReader.PATIENCE));
  }

  @Test
  void whatPrecedesTheLimitIsKept() throws IOException {
    InputPolicy d = InputPolicy.DEFAULT;
    InputPolicy tight =
        new InputPolicy(d.broken(), d.binary(), d.invalidUtf8(), d.maxRatio(), 25, d.maxRowBytes());
    Walked found = read(resource("groups.parquet"), tight);
    assertThat(found.texts()).isEqualTo(Map.of("a/A.java", "class A {}"));
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
  }

  /// 1.2 KB: a dictionary of one text, and 200,000 rows that name it.
  @Test
  void oneTextInManyRowsIsABomb() throws IOException {
    CorpusSource file = resource("repeated.parquet");
    CorpusSource unnamed = new CorpusSource(file.path(), OptionalDouble.empty(), "content", "");
    InputPolicy d = InputPolicy.DEFAULT;
    Walked found = read(unnamed, d);
    assertThat(found.texts()).hasSizeBetween(60_000, 70_000);
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
    InputPolicy trusting =
        new InputPolicy(
            d.broken(), d.binary(), d.invalidUtf8(), 1 << 20, 30_000_000, d.maxRowBytes());
    assertThat(read(unnamed, trusting).texts()).hasSizeBetween(29_000, 30_000);
  }
}
