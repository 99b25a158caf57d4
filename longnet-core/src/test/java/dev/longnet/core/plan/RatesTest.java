// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RatesTest {
  @TempDir Path folder;

  @Test
  void ratesLieBetweenTheirNeighbours() {
    Rates rates = new Rates(1, List.of(new Rates.Fold(4096, 30, 60), new Rates.Fold(1024, 10, 20)));
    assertThat(rates.of(512).forward()).isEqualTo(10);
    assertThat(rates.of(1024).forward()).isEqualTo(10);
    assertThat(rates.of(2048).forward()).isCloseTo(20, within(1e-12));
    assertThat(rates.of(2048).backward()).isCloseTo(40, within(1e-12));
    assertThat(rates.of(4096).forward()).isEqualTo(30);
    assertThat(rates.of(1L << 40).backward()).isEqualTo(60);
  }

  @Test
  void twoExchangesGiveALink() {
    Link link = Link.through(1000, 0.002, 1_001_000, 0.003);
    assertThat(link.bytesPerSecond()).isCloseTo(1e9, within(1.0));
    assertThat(link.latency()).isCloseTo(0.001999, within(1e-9));
    Link odd = Link.through(1000, 0.004, 1_000_000, 0.002);
    assertThat(odd.bytesPerSecond()).isCloseTo(5e8, within(1.0));
    assertThat(odd.latency()).isPositive();
  }

  @Test
  void readsADevicesDescription() throws Exception {
    Path file = folder.resolve("mine.yaml");
    String text =
        """
        name: mine
        tokenwise: 4e14
        folds: [{rows: 2048, forward: 2e14, backward: 1e14}]
        memory: 80e9
        near: {latency: 5e-6, bytes_per_second: 3e11}
        far: {bytes_per_second: 5e10}
        ranks_per_node: 8
        """;
    Files.writeString(file, text);
    Device device = Device.read(file);
    assertThat(device.name()).isEqualTo("mine");
    assertThat(device.rates().of(1).backward()).isEqualTo(1e14);
    assertThat(device.near()).isEqualTo(new Link(5e-6, 3e11));
    assertThat(device.ranksPerNode()).isEqualTo(8);
    Files.writeString(file, text.replace("far: {bytes_per_second: 5e10}", "far: {}"));
    assertThatThrownBy(() -> Device.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("far.bytes_per_second");
    Files.writeString(file, text + "colour: red\n");
    assertThatThrownBy(() -> Device.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("colour");
  }
}
