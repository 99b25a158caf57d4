// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.ByteVector;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;

/// Keys and values that all ranks see: one connection to the store of c10d. Each call waits for the
/// store's answer, and may wait for ever when its machine is cut off.
final class Board implements AutoCloseable {
  /// Keeps stores that were not closed from the garbage collector.
  private static final Set<Board> OPEN = ConcurrentHashMap.newKeySet();

  /// Holds the server where this process keeps it. Its methods must not be called: a second use of
  /// a store that was not cloned aborts the process.
  private final TCPStore root;

  private final Store store;
  private final String prefix;

  private Board(TCPStore root, Store store, String prefix) {
    this.root = root;
    this.store = store;
    this.prefix = prefix;
  }

  private Board open() {
    OPEN.add(this);
    return this;
  }

  /// Connects, and serves before if this process keeps the store.
  ///
  /// @throws RuntimeException when nobody answers in time
  static Board connect(Rendezvous rendezvous) {
    try (PointerScope _ = new PointerScope()) {
      TCPStoreOptions options =
          new TCPStoreOptions()
              .port((short) rendezvous.port())
              .isServer(rendezvous.serves())
              .waitWorkers(false)
              .timeout(new Milliseconds(rendezvous.timeout().toMillis()));
      TCPStore root = new TCPStore(rendezvous.host(), options);
      Store store = root.clone();
      root.retainReference();
      store.retainReference();
      return new Board(root, store, "longnet/" + rendezvous.attempt() + "/").open();
    }
  }

  /// The same keys over a connection of its own.
  Board anotherConnection() {
    try (PointerScope _ = new PointerScope()) {
      Store other = store.clone();
      other.retainReference();
      return new Board(root, other, prefix).open();
    }
  }

  void setTimeout(Duration timeout) {
    try (PointerScope _ = new PointerScope()) {
      store.setTimeout(new Milliseconds(timeout.toMillis()));
    }
  }

  /// A store for the connections of a group; it belongs to the caller's scope.
  Store part(String name) {
    return new PrefixStore(prefix + name, store).clone();
  }

  void set(String key, byte[] value) {
    try (PointerScope _ = new PointerScope()) {
      store.set(prefix + key, new ByteVector(value));
    }
  }

  /// Waits until the key is there.
  byte[] get(String key) {
    try (PointerScope _ = new PointerScope()) {
      return bytes(store.get(prefix + key));
    }
  }

  /// Sets a key that was never set.
  ///
  /// @return what stands there now
  byte[] setFirst(String key, byte[] value) {
    try (PointerScope _ = new PointerScope()) {
      return bytes(store.compareSet(prefix + key, new ByteVector(), new ByteVector(value)));
    }
  }

  boolean has(String key) {
    try (PointerScope _ = new PointerScope()) {
      return store.check(new StringVector(new BytePointer(prefix + key)));
    }
  }

  /// Adds to a counter.
  ///
  /// @return its new value
  long add(String key, long amount) {
    return store.add(prefix + key, amount);
  }

  private static byte[] bytes(ByteVector vector) {
    byte[] bytes = new byte[(int) vector.size()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = vector.get(i);
    }
    return bytes;
  }

  /// Closes this connection.
  @Override
  public void close() {
    OPEN.remove(this);
    store.releaseReference();
  }

  /// Closes the last connection, and the store where this process keeps it.
  void closeRoot() {
    close();
    root.releaseReference();
  }
}
