// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.join;
import static dev.longnet.core.data.source.Archives.tar;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.io.EnvironmentException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.compress.archivers.tar.TarUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class TarReaderTest {
  @TempDir Path temp;

  private Walked walk(byte[] tar) throws IOException {
    return Walked.of(Files.write(temp.resolve("t.tar"), tar), temp);
  }

  /// Up to where the first record of zeros ends, a cut loses something.
  @Test
  void cutsAreSaid() throws IOException {
    Map<String, String> documents =
        new TreeMap<>(Map.of("a", "first", "b".repeat(150), "second", "c", "3".repeat(600)));
    byte[] whole = tar(documents);
    int content = contentBytes(whole);
    for (int cut = 0; cut < content + 1200; cut++) {
      if (cut % 512 > 1 && cut % 512 < 511 && cut % 16 != 0) {
        continue; // every one takes seconds, and within a record they are alike
      }
      Walked found = walk(Arrays.copyOf(whole, cut));
      assertThat(documents.entrySet().containsAll(found.texts().entrySet()))
          .as("cut at %d", cut)
          .isTrue();
      if (cut < content + 512) {
        assertThat(found.rejected().values())
            .as("cut at %d", cut)
            .containsExactly(Reason.TRUNCATED);
      } else {
        assertThat(found.texts()).as("cut at %d", cut).isEqualTo(documents);
        assertThat(found.rejected()).as("cut at %d", cut).isEmpty();
      }
    }
  }

  /// A backup of `tar -g`: each directory is followed by the names of its files.
  @Test
  void listingsOfBackupsArePassedOver() throws IOException {
    byte[] header = tar(Map.of("d/", ""));
    header = Arrays.copyOf(header, 512);
    header[156] = 'D';
    TarUtils.formatLongOctalBytes(600, header, 124, 12);
    Arrays.fill(header, 148, 156, (byte) ' ');
    TarUtils.formatCheckSumOctalBytes(TarUtils.computeCheckSum(header), header, 148, 8);
    byte[] names = Arrays.copyOf("Ya.txt\0\0".getBytes(StandardCharsets.UTF_8), 1024);
    Walked found = walk(join(header, names, tar(Map.of("d/a.txt", "a text"))));
    assertThat(found.texts()).isEqualTo(Map.of("d/a.txt", "a text"));
    assertThat(found.rejected()).isEmpty();
    assertThat(walk(join(header, new byte[100])).rejected().values())
        .containsExactly(Reason.TRUNCATED);
  }

  /// Some programs write none.
  @Test
  void withoutAnEndMarkTheDocumentsAreKept() throws IOException {
    byte[] whole = tar(Archives.DOCUMENTS);
    Walked found = walk(Arrays.copyOf(whole, contentBytes(whole)));
    assertThat(found.texts()).isEqualTo(Archives.DOCUMENTS);
    assertThat(found.rejected()).isEqualTo(Map.of("t.tar", Reason.TRUNCATED));
  }

  @Test
  void archivesMayFollowOneAnother() throws IOException {
    byte[] first = tar(Map.of("a", "first"));
    byte[] oneZeroRecord = Arrays.copyOf(first, contentBytes(first) + 512);
    byte[] second = tar(Map.of("b", "second"));
    byte[] third = tar(Map.of("c", "third"));
    for (byte[] joined :
        new byte[][] {
          join(first, second, third), join(oneZeroRecord, second, new byte[200 * 512], third)
        }) {
      Walked found = walk(joined);
      assertThat(found.texts()).isEqualTo(Map.of("a", "first", "b", "second", "c", "third"));
      assertThat(found.rejected()).isEmpty();
    }
    byte[] cut = join(first, Arrays.copyOf(second, contentBytes(second)));
    assertThat(walk(cut).rejected()).isEqualTo(Map.of("t.tar", Reason.TRUNCATED));
  }

  @Test
  void somethingElseAfterTheEndIsSaid() throws IOException {
    Walked found =
        walk(join(tar(Map.of("a", "first")), "something else".getBytes(StandardCharsets.UTF_8)));
    assertThat(found.texts()).isEqualTo(Map.of("a", "first"));
    assertThat(found.rejected()).isEqualTo(Map.of("t.tar", Reason.CORRUPT));
  }

  /// One octal digit more, and a document would swallow the next one's header.
  @Test
  void aDamagedSizeIsSeenByTheChecksum() throws IOException {
    byte[] damaged = tar(new TreeMap<>(Archives.DOCUMENTS));
    assertThat(damaged[124 + 7]).isEqualTo((byte) '0');
    damaged[124 + 7] = '1';
    assertThat(walk(damaged).rejected()).isEqualTo(Map.of("t.tar", Reason.CORRUPT));
  }

  @Test
  void longNamesBeforeLongNamesEndInNoError() throws IOException {
    byte[] longName = header(TarConstants.LF_GNUTYPE_LONGNAME, "x");
    byte[][] nested = new byte[5000][];
    Arrays.fill(nested, longName);
    Walked found = walk(join(join(nested), tar(Map.of("a", "first"))));
    assertThat(found.texts()).isEmpty();
    assertThat(found.rejected()).isEqualTo(Map.of("t.tar", Reason.CORRUPT));
  }

  @Test
  void attributesForAllThatFollowsAreLimited() throws IOException {
    byte[][] headers = new byte[100][];
    for (int i = 0; i < headers.length; i++) {
      String name = "key" + (1000 + i);
      headers[i] =
          join(
              header(TarConstants.LF_PAX_GLOBAL_EXTENDED_HEADER, "13 " + name + "=x\n"),
              content("f" + i, "text"));
    }
    byte[] end = tar(Map.of());
    assertThat(walk(join(join(Arrays.copyOf(headers, 20)), end)).texts()).hasSize(20);
    Walked found = walk(join(join(headers), end));
    assertThat(found.texts()).hasSize(64);
    assertThat(found.rejected()).isEqualTo(Map.of("t.tar", Reason.CORRUPT));
  }

  /// What was read of an entry is no allowance for the header behind it.
  @Test
  void longHeadersAreRefusedBehindLargeEntriesToo() throws IOException {
    byte[] large = content("large", "x".repeat(3 << 20));
    byte[] longName = header(TarConstants.LF_GNUTYPE_LONGNAME, "n".repeat(2 << 20));
    Walked found = walk(join(large, longName, tar(Map.of("a", "first"))));
    assertThat(found.texts()).containsOnlyKeys("large");
    assertThat(found.rejected()).isEqualTo(Map.of("t.tar", Reason.CORRUPT));
  }

  @Test
  void aPlaceForLargeDocumentsIsTheMachinesMatter() throws IOException {
    Path file =
        Files.write(
            temp.resolve("t.tar"),
            join(content("large", "x".repeat(Entry.WHOLE_BYTES + 1)), tar(Map.of())));
    Path nowhere = temp.resolve("nowhere");
    assertThat(Walked.of(file, temp).texts())
        .isEqualTo(Map.of("large", Entry.WHOLE_BYTES + 1 + " bytes"));
    TarReader reader =
        new TarReader(
            file,
            Reading.of(Packing.NONE, Reading.Kind.TAR),
            new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT),
            nowhere);
    assertThatThrownBy(() -> Walked.of(reader))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining(nowhere.toString())
        .hasMessageContaining("large");
  }

  @Test
  void aFileThatIsGoneIsNoDamage() throws IOException {
    TarReader reader =
        new TarReader(
            temp.resolve("gone.tar"),
            Reading.of(Packing.NONE, Reading.Kind.TAR),
            new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT),
            temp);
    assertThat(Walked.of(reader).rejected()).isEqualTo(Map.of("gone.tar", Reason.UNREADABLE));
  }

  /// Where the zeros begin.
  private static int contentBytes(byte[] tar) {
    int end = tar.length;
    while (tar[end - 1] == 0) {
      end--;
    }
    return (end + 511) / 512 * 512;
  }

  /// An entry without an end mark.
  private static byte[] content(String name, String text) throws IOException {
    byte[] tar = tar(Map.of(name, text));
    return Arrays.copyOf(tar, contentBytes(tar));
  }

  /// An entry of another type.
  private static byte[] header(byte type, String text) throws IOException {
    byte[] entry = content("header", text);
    entry[156] = type;
    Arrays.fill(entry, 148, 156, (byte) ' ');
    TarUtils.formatCheckSumOctalBytes(
        TarUtils.computeCheckSum(Arrays.copyOf(entry, 512)), entry, 148, 8);
    return entry;
  }
}
