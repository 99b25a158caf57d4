// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.WorkerTeam;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/// What a session lends to the mixers of a model while they compute: threads, kernels, rows and
/// memory of their own. Every layer uses the same rows.
public final class Work {
  private final Kernels kernels;
  private final WorkerTeam team;
  private final NativeMemory session;
  private final List<StreamMixer> mixers;
  private final int hidden;
  private final Map<Slot<?>, Object> scratch = new HashMap<>();
  private int capacity;

  /// Holds rows and scratch; goes when they grow.
  private NativeMemory memory;

  private NativeFloats rows;
  private NativeFloats mixed;

  /// Names what a mixer keeps in a session beside the rows, for as many of them as the work holds;
  /// mixers that share a slot share it. Compared by identity.
  public static final class Slot<S> {
    private final Function<Work, S> make;

    /// @param make called when the work has grown; off-heap memory comes from [Work#memory]
    public Slot(Function<Work, S> make) {
      this.make = make;
    }
  }

  /// @param hidden C
  /// @param mixers of the model
  /// @param session memory for all of this
  public Work(
      Kernels kernels,
      WorkerTeam team,
      int hidden,
      List<StreamMixer> mixers,
      NativeMemory session) {
    this.kernels = kernels;
    this.team = team;
    this.hidden = hidden;
    this.mixers = mixers;
    this.session = session;
    this.memory = session.part();
    this.rows = memory.floats(0);
    this.mixed = memory.floats(0);
  }

  /// Makes room for rows; what they held is lost where there was less.
  public void reserve(int tokens) {
    if (tokens <= capacity) {
      return;
    }
    memory.close();
    scratch.clear();
    capacity = 0;
    memory = session.part();
    int width = mixers.stream().mapToInt(StreamMixer::rowWidth).max().orElse(0);
    rows = memory.floats((long) tokens * width);
    mixed = memory.floats((long) tokens * hidden);
    capacity = tokens;
    try {
      for (StreamMixer mixer : mixers) {
        mixer.scratch().ifPresent(slot -> scratch.computeIfAbsent(slot, s -> s.make.apply(this)));
      }
    } catch (RuntimeException | Error e) {
      capacity = 0;
      throw e;
    }
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

  /// Off-heap memory that is freed when the work grows, or with the session.
  public NativeMemory memory() {
    return memory;
  }

  /// What a mixer keeps under its slot ([StreamMixer#scratch]). Any thread of the team may ask.
  @SuppressWarnings("unchecked")
  public <S> S scratch(Slot<S> slot) {
    return (S) Objects.requireNonNull(scratch.get(slot), "a slot that no mixer names");
  }
}
