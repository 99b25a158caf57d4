// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.join;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GzipInputTest {
  private static final byte[] FIRST = text(1, 300);
  private static final byte[] SECOND = text(2, 20_000);

  private static byte[] text(long seed, int size) {
    byte[] bytes = new byte[size];
    Random random = new Random(seed);
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) ('a' + random.nextInt(20));
    }
    return bytes;
  }

  private static byte[] read(byte[] file) throws IOException {
    try (GzipInput in = new GzipInput(new BufferedInputStream(new ByteArrayInputStream(file)))) {
      return in.readAllBytes();
    }
  }

  @Test
  void membersFollowOneAnother() throws IOException {
    byte[] empty = compress("gz", new byte[0]);
    assertThat(read(join(compress("gz", FIRST), empty, compress("gz", SECOND), empty)))
        .isEqualTo(join(FIRST, SECOND));
    assertThat(read(empty)).isEmpty();
  }

  @Test
  void zerosMayPad() throws IOException {
    assertThat(read(join(compress("gz", SECOND), new byte[5000]))).isEqualTo(SECOND);
  }

  @Test
  void whateverElseFollowsIsDamageButCostsNothing() throws IOException {
    byte[] file = join(compress("gz", SECOND), new byte[] {0, 0, 7});
    ByteArrayOutputStream found = new ByteArrayOutputStream();
    GzipInput in = new GzipInput(new BufferedInputStream(new ByteArrayInputStream(file)));
    assertThatThrownBy(() -> in.transferTo(found)).isInstanceOf(IOException.class);
    assertThat(found.toByteArray()).isEqualTo(SECOND);
  }

  /// The JDK's stream ends silently where the first member does.
  @Test
  void aDamagedLaterMemberIsNotTheEnd() throws IOException {
    byte[] first = compress("gz", FIRST);
    byte[] whole = join(first, compress("gz", SECOND));
    for (int at = first.length; at < first.length + 12; at++) {
      for (int bit = 0; bit < 8; bit++) {
        byte[] damaged = whole.clone();
        damaged[at] ^= (byte) (1 << bit);
        assertWholeOrFailure(damaged, "byte " + at + " bit " + bit);
      }
    }
  }

  @Test
  void everyCutIsSaid() throws IOException {
    byte[] first = compress("gz", FIRST);
    byte[] whole = join(first, compress("gz", text(3, 200)));
    for (int cut = 0; cut < whole.length; cut++) {
      byte[] part = Arrays.copyOf(whole, cut);
      if (cut == first.length) {
        assertThat(read(part)).isEqualTo(FIRST);
      } else {
        assertThatThrownBy(() -> read(part)).as("cut at %d", cut).isInstanceOf(IOException.class);
      }
    }
  }

  private static void assertWholeOrFailure(byte[] file, String what) {
    byte[] found;
    try {
      found = read(file);
    } catch (IOException e) {
      return;
    }
    assertThat(found).as(what).isEqualTo(join(FIRST, SECOND));
  }
}
