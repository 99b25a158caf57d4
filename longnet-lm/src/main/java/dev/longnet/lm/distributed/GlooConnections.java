// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Gloo's connections of this process to every other of a group.
///
/// Single messages are used, never Gloo's collectives: a message is sent and received by the
/// device's own thread without another copy, and a message whose tag nobody waits for stays where
/// it is. Tags depend on the size. So ranks that disagree wait in vain, where a collective, or a
/// message longer than its receiver, would abort the process.
final class GlooConnections {
  /// No operation has it, see [Tag].
  private static final int CANARY = Integer.MAX_VALUE;

  /// Longer messages travel in pieces.
  private static final long PIECE = 1L << 30;

  /// Keeps connections that were not closed, above all those of failed groups, from the garbage
  /// collector: Gloo may end the process when it destroys them.
  private static final Set<GlooConnections> OPEN = ConcurrentHashMap.newKeySet();

  private final ProcessGroupGloo group;
  private final int rank;
  private final int size;

  /// A receive of each other rank that nobody ever sends. Gloo tells posted receives that a
  /// connection broke, but not a message that is being read or written at that moment.
  private final List<Message> canaries = new ArrayList<>();

  private final MemorySegment canaryMemory;
  private boolean closed;

  private GlooConnections(ProcessGroupGloo group, int rank, int size) {
    this.group = group;
    this.rank = rank;
    this.size = size;
    this.canaryMemory = Arena.ofAuto().allocate(size);
    for (int peer = 0; peer < size; peer++) {
      if (peer != rank) {
        canaries.add(receive(canaryMemory.asSlice(peer, 1), peer, CANARY));
      }
    }
  }

  /// Connects with all others, which connect at the same time.
  ///
  /// @param rank of this process in the group
  /// @param own address to listen on
  static GlooConnections connect(
      Board board, String name, int rank, int size, InetAddress own, Duration timeout) {
    try (PointerScope _ = new PointerScope();
        StandardOutput _ = StandardOutput.silenced()) {
      Store store = board.part("mesh" + name);
      store.setTimeout(new Milliseconds(timeout.toMillis()));
      ProcessGroupGloo.Options options =
          ProcessGroupGloo.Options.create(new Milliseconds(timeout.toMillis()));
      options.devices(
          new GlooDeviceVector(ProcessGroupGloo.createDeviceForHostname(own.getHostAddress())));
      options.threads(1);
      ProcessGroupGloo group = new ProcessGroupGloo(store, rank, size, options);
      group.retainReference();
      GlooConnections mesh = new GlooConnections(group, rank, size);
      OPEN.add(mesh);
      return mesh;
    }
  }

  /// Starts to send memory, which must not change before the messages were awaited.
  void send(MemorySegment memory, int peer, int tag, List<Message> messages) {
    for (MemorySegment piece : pieces(memory)) {
      try (PointerScope _ = new PointerScope()) {
        Tensor tensor = TensorMemory.borrow(piece, ScalarType.Byte, piece.byteSize());
        TensorVector one = new TensorVector(tensor);
        messages.add(new Message(peer, group.send(one, peer, tag), tensor));
      }
    }
  }

  /// Starts to receive.
  void receive(MemorySegment memory, int peer, int tag, List<Message> messages) {
    for (MemorySegment piece : pieces(memory)) {
      messages.add(receive(piece, peer, tag));
    }
  }

  private Message receive(MemorySegment piece, int peer, int tag) {
    try (PointerScope _ = new PointerScope()) {
      Tensor tensor = TensorMemory.borrow(piece, ScalarType.Byte, piece.byteSize());
      TensorVector one = new TensorVector(tensor);
      return new Message(peer, group.recv(one, peer, tag), tensor);
    }
  }

  private static List<MemorySegment> pieces(MemorySegment memory) {
    List<MemorySegment> pieces = new ArrayList<>(1);
    for (long at = 0; at < memory.byteSize(); at += PIECE) {
      pieces.add(memory.asSlice(at, Math.min(PIECE, memory.byteSize() - at)));
    }
    return pieces;
  }

  /// A rank whose connection broke, and Gloo's reason.
  record Broken(int peer, String reason) {}

  /// Looks for a broken connection; waits for nothing.
  synchronized Optional<Broken> broken() {
    if (closed) {
      return Optional.empty();
    }
    for (Message canary : canaries) {
      try {
        canary.wake();
        canary.await(1); // woken, it returns at once
      } catch (RuntimeException e) {
        return Optional.of(new Broken(canary.peer(), Failure.line(e)));
      }
    }
    return Optional.empty();
  }

  /// Closes all connections, so that the other ranks' waits end and nothing writes to the memory of
  /// messages any more. The native part stays: Gloo may end the process when that goes after a
  /// failure.
  synchronized void sever() {
    if (closed) {
      return;
    }
    closed = true;
    for (Message canary : canaries) {
      try {
        canary.await(1); // a message that times out closes the connections to all ranks
      } catch (RuntimeException _) {
        // That was the purpose, or it was closed before.
      }
    }
  }

  /// Ends the group after all ranks came to its end.
  synchronized void close() {
    if (!closed) {
      closed = true;
      canaries.forEach(Message::release);
      group.releaseReference();
      OPEN.remove(this);
    }
  }

  int rank() {
    return rank;
  }

  int size() {
    return size;
  }
}
