// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Machines without their cost: a network namespace for each rank, all of them on one bridge. Needs
/// root and `ip`.
final class RankNetwork implements AutoCloseable {
  private final String name = "longnet-" + ProcessHandle.current().pid() + "-";
  private final List<String> spaces = new ArrayList<>();

  /// Empty where this user may not make one.
  static Optional<RankNetwork> of(int ranks) throws IOException, InterruptedException {
    RankNetwork network = new RankNetwork();
    if (!network.space("hub")) {
      return Optional.empty();
    }
    try {
      network.ip("-n", network.name + "hub", "link", "add", "br0", "type", "bridge");
      network.ip("-n", network.name + "hub", "link", "set", "br0", "up");
      for (int rank = 0; rank < ranks; rank++) {
        assertThat(network.space("" + rank)).isTrue();
        network.connect(rank);
      }
      return Optional.of(network);
    } catch (IOException | InterruptedException | RuntimeException | Error e) {
      network.close();
      throw e;
    }
  }

  private boolean space(String suffix) throws IOException, InterruptedException {
    boolean made = succeeds("netns", "add", name + suffix);
    if (made) {
      spaces.add(name + suffix);
    }
    return made;
  }

  private void connect(int rank) throws IOException, InterruptedException {
    String hub = name + "hub";
    String own = name + rank;
    String port = "p" + rank;
    ip("-n", hub, "link", "add", port, "type", "veth", "peer", "name", "veth0", "netns", own);
    ip("-n", hub, "link", "set", port, "master", "br0");
    ip("-n", hub, "link", "set", port, "up");
    ip("-n", own, "addr", "add", address(rank) + "/24", "dev", "veth0");
    ip("-n", own, "link", "set", "lo", "up");
    ip("-n", own, "link", "set", "veth0", "up");
  }

  static String address(int rank) {
    return "10.78.0." + (rank + 1);
  }

  /// What runs the rest of a command on a rank's machine.
  List<String> prefix(int rank) {
    return List.of("ip", "netns", "exec", name + rank);
  }

  /// Pulls a rank's cable: nothing tells it or the others.
  void cut(int rank) throws IOException, InterruptedException {
    ip("-n", name + "hub", "link", "set", "p" + rank, "down");
  }

  private void ip(String... words) throws IOException, InterruptedException {
    assertThat(succeeds(words)).as(String.join(" ", words)).isTrue();
  }

  private static boolean succeeds(String... words) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(words));
    try {
      return new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException notThere) {
      return false;
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    for (String space : spaces) {
      succeeds("netns", "delete", space);
    }
  }
}
