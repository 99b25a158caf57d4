// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.lm.model.Parameters;
import dev.longnet.lm.train.AdamKernel.Group;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Predicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Adam and AdamW over a model's parameters, or over those of their elements that a rank owns:
/// moments exist for these alone. Which parameters decay is said from outside
/// ([dev.longnet.core.config.Parameter#decays()]).
///
/// Owns the moments and frees them in [#close()]; the parameters and gradients stay the caller's.
public final class Optimizer implements AutoCloseable {
  /// What a checkpoint calls the moments of a parameter.
  static final String FIRST = "exp_avg.";

  static final String SECOND = "exp_avg_sq.";

  private final SequencedMap<String, Part> parts;
  private final Slice memory;
  private final Tensor firsts;
  private final Tensor seconds;
  private final List<Group> groups;
  private final AdamKernel kernel;
  private long applied;

  /// What is moved of a parameter.
  ///
  /// @param whole the parameter
  /// @param elements of it that are moved, in row-major order
  /// @param at where the memory of moments holds the first of them
  record Part(Tensor whole, Slice elements, long at) {
    /// The same elements of a tensor of the parameter's shape.
    Tensor of(Tensor other) {
      return elements.count() == other.numel()
          ? other
          : other.view(-1).narrow(0, elements.first(), elements.count());
    }

    /// The moments of these elements.
    Tensor moments(Tensor all) {
      Tensor own = all.narrow(0, at, elements.count());
      return elements.count() == whole.numel() ? own.view_as(whole) : own;
    }
  }

  /// Moves every element.
  ///
  /// @param values by name; the tensors are updated in place, and must stay where they are
  /// @param gradients same names
  /// @param decays which of the names weight decay touches
  /// @param workers share the work on the CPU; stay the caller's
  public Optimizer(
      OptimizerConfig config,
      Map<String, Tensor> values,
      Map<String, Tensor> gradients,
      Predicate<String> decays,
      Workers workers) {
    this(config, values, gradients, decays, workers, neighbours(values), Optional.empty());
  }

  /// Moves the elements of a model's parameters that a rank owns.
  ///
  /// @param owned of the memory of all parameters, see [Parameters#valueMemory()]
  Optimizer(
      OptimizerConfig config,
      Parameters parameters,
      Slice owned,
      Predicate<String> decays,
      Workers workers) {
    this(
        config,
        parameters.values(),
        parameters.gradients(),
        decays,
        workers,
        parts(parameters, owned),
        Optional.of(owned));
  }

  private Optimizer(
      OptimizerConfig config,
      Map<String, Tensor> values,
      Map<String, Tensor> gradients,
      Predicate<String> decays,
      Workers workers,
      SequencedMap<String, Part> parts,
      Optional<Slice> owned) {
    this.parts = parts;
    this.memory =
        owned.orElseGet(() ->
            new Slice(0, parts.values().stream().mapToLong(part -> part.elements.count()).sum()));
    try (PointerScope _ = new PointerScope()) {
      Tensor like = values.values().iterator().next();
      this.firsts = torch.zeros(new long[] {memory.count()}, like.options()).retainReference();
      this.seconds = torch.zeros(new long[] {memory.count()}, like.options()).retainReference();
      this.groups =
          List.of(
              group(config.weightDecay(), gradients, decays), group(0, gradients, decays.negate()));
    }
    boolean gpu = values.values().stream().anyMatch(Tensor::is_cuda);
    this.kernel = gpu ? new FusedAdam(config, groups) : new LoopAdam(config, groups, workers);
  }

  /// All of each, one after another.
  private static SequencedMap<String, Part> neighbours(Map<String, Tensor> values) {
    SequencedMap<String, Part> parts = new LinkedHashMap<>();
    long at = 0;
    for (Map.Entry<String, Tensor> value : values.entrySet()) {
      long count = value.getValue().numel();
      parts.put(value.getKey(), new Part(value.getValue(), new Slice(0, count), at));
      at += count;
    }
    return parts;
  }

  /// What of each lies in a slice of the memory of all.
  private static SequencedMap<String, Part> parts(Parameters parameters, Slice owned) {
    SequencedMap<String, Part> parts = new LinkedHashMap<>();
    parameters
        .values()
        .forEach((name, value) -> {
          long from = parameters.offset(name);
          Slice own = new Slice(from, from + value.numel()).and(owned);
          if (own.count() > 0) {
            Slice elements = new Slice(own.first() - from, own.end() - from);
            parts.put(name, new Part(value, elements, own.first() - owned.first()));
          }
        });
    return parts;
  }

  private Group group(double decay, Map<String, Tensor> gradients, Predicate<String> members) {
    Group group =
        new Group(
            decay,
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>());
    parts.forEach((name, part) -> {
      if (members.test(name)) {
        group.names().add(name);
        group.values().add(own(part.of(part.whole())));
        group.gradients().add(own(part.of(Objects.requireNonNull(gradients.get(name), name))));
        group.first().add(own(part.moments(firsts)));
        group.second().add(own(part.moments(seconds)));
      }
    });
    return group;
  }

  /// A tensor object of this class for the same memory.
  private static Tensor own(Tensor tensor) {
    return new Tensor(tensor).retainReference();
  }

  /// The norm of all gradients together; NaN or infinite when any of them is. Where others own
  /// elements too, see [#gradientSquares()].
  public double gradientNorm() {
    return Math.sqrt(gradientSquares());
  }

  /// The sum of the squares of the gradients' own elements, in float64.
  double gradientSquares() {
    return kernel.squares();
  }

  /// Moves the own elements once.
  ///
  /// @param gradientScale what the gradients are multiplied by first: clipping
  public void step(double learningRate, double gradientScale) {
    applied++;
    kernel.step(learningRate, gradientScale, applied);
  }

  /// Steps applied: what the bias correction counts.
  long applied() {
    return applied;
  }

  void restoreApplied(long steps) {
    applied = steps;
  }

  /// What is moved of each parameter, by name; those of which nothing is are left out.
  SequencedMap<String, Part> parts() {
    return parts;
  }

  /// Which elements of all parameters' memory the moments are of.
  Slice memory() {
    return memory;
  }

  /// The moments `[memory]` of one kind, writable.
  ///
  /// @param kind [#FIRST] or [#SECOND]
  Tensor moments(String kind) {
    return kind.equals(FIRST) ? firsts : seconds;
  }

  /// Both moments of what is moved of every parameter, by name; the optimizer's own.
  SequencedMap<String, Tensor> state() {
    SequencedMap<String, Tensor> state = new LinkedHashMap<>();
    for (Group group : groups) {
      for (int i = 0; i < group.names().size(); i++) {
        state.put(FIRST + group.names().get(i), group.first().get(i));
        state.put(SECOND + group.names().get(i), group.second().get(i));
      }
    }
    return state;
  }

  @Override
  public void close() {
    kernel.close();
    for (Group group : groups) {
      for (List<Tensor> views :
          List.of(group.values(), group.gradients(), group.first(), group.second())) {
        views.forEach(Tensor::deallocate);
      }
    }
    firsts.deallocate();
    seconds.deallocate();
  }
}
