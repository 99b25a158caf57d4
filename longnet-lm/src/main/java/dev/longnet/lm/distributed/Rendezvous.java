// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.FieldException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.time.Duration;

/// Where the processes of a run find one another.
///
/// Whoever reaches the store's port or a rank's can take part: nothing is encrypted, nobody has to
/// prove who he is. Ranks listen on the interface that `bind` names alone; the store listens on all
/// of them.
///
/// @param rank this process's number, from 0
/// @param size how many processes there are
/// @param host where the store is
/// @param port of the store
/// @param timeout after which a rank that shows no sign of life is lost, from a second on; also of
///   the beginning, when all must come. One that shows signs of life is waited for longer, see
///   [#patience]
/// @param bind address or host name of this machine's interface that other ranks reach; empty for
///   the one that leads to `host`
/// @param serves whether this process keeps the store: rank 0 does, unless a launcher's agent does
/// @param attempt tells this start from earlier ones on the same store, where a launcher restarts
///   ranks; the same on all ranks
public record Rendezvous(
    int rank,
    int size,
    String host,
    int port,
    Duration timeout,
    String bind,
    boolean serves,
    String attempt) {
  /// How long ranks wait for one that is silent when nobody says otherwise.
  public static final Duration TIMEOUT = Duration.ofMinutes(2);

  /// How many timeouts a rank is waited for that shows signs of life.
  public static final int PATIENCE = 30;

  /// How long a rank that shows signs of life is waited for at least.
  public static final Duration LEAST_PATIENCE = Duration.ofHours(1);

  public Rendezvous {
    if (size < 1) {
      throw new FieldException("size must be positive: size=%s", size);
    }
    if (rank < 0 || rank >= size) {
      throw new FieldException("rank must be from 0 to %s: rank=%s", size - 1, rank);
    }
    if (host.isBlank()) {
      throw new FieldException("host must name the machine of rank 0: host=%s", host);
    }
    if (port < 1 || port > 65_535) {
      throw new FieldException("port must be from 1 to 65535: port=%s", port);
    }
    if (timeout.compareTo(Duration.ofSeconds(1)) < 0 || timeout.compareTo(Duration.ofDays(1)) > 0) {
      throw new FieldException("timeout must be from a second to a day: timeout=%s", timeout);
    }
  }

  /// With the usual timeout and interface; rank 0 keeps the store.
  public static Rendezvous of(int rank, int size, String host, int port) {
    return new Rendezvous(rank, size, host, port, TIMEOUT, "", rank == 0, "0");
  }

  public Rendezvous withTimeout(Duration other) {
    return new Rendezvous(rank, size, host, port, other, bind, serves, attempt);
  }

  /// How long a rank is waited for that shows signs of life, but does not come: it may write a
  /// checkpoint, tokenize or evaluate. Thirty times the timeout, and an hour at least. All ranks
  /// end when the timeout is over if they all wait, so that none of them works.
  public Duration patience() {
    Duration patience = timeout.multipliedBy(PATIENCE);
    return patience.compareTo(LEAST_PATIENCE) < 0 ? LEAST_PATIENCE : patience;
  }

  /// The address on which this process listens for other ranks.
  ///
  /// @throws EnvironmentException when a name has no address
  InetAddress ownAddress() {
    if (!bind.isEmpty()) {
      return address(bind);
    }
    // Nothing is sent: the system chooses the interface that it would send from.
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(new InetSocketAddress(address(host), port));
      return socket.getLocalAddress();
    } catch (SocketException e) {
      throw new EnvironmentException(
          "no network interface leads to " + host + " (" + e.getMessage() + ")", e);
    }
  }

  private static InetAddress address(String name) {
    try {
      return InetAddress.getByName(name);
    } catch (UnknownHostException e) {
      throw new EnvironmentException(
          "the host name " + name + " has no address: use its address, or add it to /etc/hosts", e);
    }
  }
}
