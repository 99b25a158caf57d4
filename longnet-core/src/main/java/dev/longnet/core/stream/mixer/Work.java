// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.WorkerTeam;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/// What a session lends to the mixers of a model while they compute: threads, kernels, rows and
/// memory of their own. Every layer uses the same rows. Closing frees all of it but the team.
public final class Work implements AutoCloseable {
  private final Kernels kernels;
  private final WorkerTeam team;
  private final int hidden;
  private final int rowWidth;
  private final Map<Slot<?>, Scratch> scratch = new ConcurrentHashMap<>();
  private int capacity;
  private NativeFloats rows = new NativeFloats(0);
  private NativeFloats mixed = new NativeFloats(0);

  /// A mixer's memory of its own for as many rows as the work holds. Closing frees it.
  public interface Scratch extends AutoCloseable {
    @Override
    void close();
  }

  /// Names a mixer's scratch; mixers that share a slot share it. Compared by identity.
  public static final class Slot<S extends Scratch> {
    private final Function<Work, S> make;

    /// @param make called when a session first needs the scratch, and again when its work has grown
    public Slot(Function<Work, S> make) {
      this.make = make;
    }
  }

  /// @param hidden C
  /// @param rowWidth of the widest mixer's row
  public Work(Kernels kernels, WorkerTeam team, int hidden, int rowWidth) {
    this.kernels = kernels;
    this.team = team;
    this.hidden = hidden;
    this.rowWidth = rowWidth;
  }

  /// Makes room for rows; what they held is lost where there was less.
  public void reserve(int tokens) {
    if (tokens <= capacity) {
      return;
    }
    close();
    rows = new NativeFloats((long) tokens * rowWidth);
    mixed = new NativeFloats((long) tokens * hidden);
    capacity = tokens;
  }

  public Kernels kernels() {
    return kernels;
  }

  public WorkerTeam team() {
    return team;
  }

  /// C
  public int hidden() {
    return hidden;
  }

  /// T: how many rows there is room for.
  public int capacity() {
    return capacity;
  }

  /// The mixer's own rows [T, its width].
  public NativeFloats rows() {
    return rows;
  }

  /// [T, C]: what a memory writes.
  public NativeFloats mixed() {
    return mixed;
  }

  /// Any thread of the team may ask.
  @SuppressWarnings("unchecked")
  public <S extends Scratch> S scratch(Slot<S> slot) {
    return (S) scratch.computeIfAbsent(slot, s -> s.make.apply(this));
  }

  @Override
  public void close() {
    scratch.values().forEach(Scratch::close);
    scratch.clear();
    rows.close();
    mixed.close();
    capacity = 0;
  }
}
