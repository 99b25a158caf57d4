// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.config.TrainingPhase;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.Span;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongFunction;
import org.bytedeco.javacpp.PointerScope;

/// The training loop: windows to gradients, gradients to one optimizer step, again. A step whose
/// loss or gradient norm is not finite changes nothing and is counted.
///
/// Everything a step computes follows from the state before it, so a run that resumes from a
/// checkpoint repeats the losses it would have had, bit for bit, on the same machine and number of
/// threads.
public final class Trainer implements AutoCloseable {
  private final RunConfig config;
  private final Decoder model;
  private final Collaborators with;
  private final Optimizer optimizer;
  private final AtomicBoolean stop = new AtomicBoolean();
  private TrainerState state;
  private TrainingPhase phase;

  /// Of the phase's shape.
  private TokenBuffer tokens;

  private long began;

  /// Why a run ended.
  public enum End {
    /// All steps are done.
    FINISHED,
    /// `max_minutes` are over.
    TIME_UP,
    /// The stop was asked for, on one of the ranks.
    STOPPED,
    /// Too many steps in a row were not finite.
    NOT_FINITE
  }

  /// Writes a checkpoint of the model and the optimizer.
  interface Saver {
    /// Called on all ranks.
    ///
    /// @return its directory, on the rank that writes
    Optional<Path> save(TrainerState state, Optimizer optimizer) throws IOException;
  }

  /// Measures the loss on held-out windows.
  interface Validation {
    /// @param window tokens of a window, at most
    double loss(int window) throws IOException;
  }

  /// What the loop works with.
  ///
  /// @param ranks that train together
  /// @param stages called before the step that follows so many others; the model as that step
  ///   trains it, see [BranchSchedule]
  /// @param windows to train on
  /// @param shards the model's parameters, where ranks hold them for one another
  /// @param matrixFlops the machine's matrix-product rate, FLOP/s
  record Collaborators(
      Ranks ranks,
      Optional<ShardedParameters> shards,
      LongFunction<ModelConfig> stages,
      Windows windows,
      Validation validation,
      Saver saver,
      List<TrainingListener> listeners,
      double matrixFlops) {
    Collaborators {
      listeners = List.copyOf(listeners);
    }
  }

  /// @param model stays the caller's to close
  Trainer(RunConfig config, Decoder model, Collaborators with, TrainerState state) {
    this.config = config;
    this.model = model;
    this.with = with;
    this.state = state;
    TrainingConfig training = config.training();
    this.optimizer =
        new Optimizer(
            config.optimizer(),
            model.memory(),
            with.ranks.elements(model.memory().elements()),
            name -> model.blueprint().parameter(name).decays(),
            model.workers());
    this.optimizer.restoreApplied(state.appliedSteps());
    this.phase = training.phases().get(training.phase(state.step()));
    this.tokens = buffer();
  }

  private TokenBuffer buffer() {
    return new TokenBuffer(
        phase.sequences(),
        Math.toIntExact(with.ranks.span(phase.window()).tokens() + 1),
        model.options().device());
  }

  /// Memory of another shape than the phase's goes back.
  private void enter(TrainingPhase next) {
    boolean sameShape = next.sameShape(phase);
    phase = next;
    if (!sameShape) {
      tokens.close();
      tokens = buffer();
      model.forgetTemporaries();
    }
  }

  /// The optimizer's tensors, for a checkpoint to restore before [#run()].
  Optimizer optimizer() {
    return optimizer;
  }

  /// Asks the run to end soon and save itself, on all its ranks; from any thread. A step under way
  /// is given up after its current pass.
  public void requestStop() {
    stop.set(true);
  }

  public TrainerState state() {
    return state;
  }

  /// Trains until the end; saves a checkpoint before it returns, except where the weights may be
  /// bad. A stop that was asked for on any rank is the end's reason, however the last step went.
  public End run() throws IOException {
    began = System.nanoTime();
    End end = train();
    return with.ranks.any(stop.get()) ? End.STOPPED : end;
  }

  private End train() throws IOException {
    TrainingConfig training = config.training();
    long savedAtStep = state.step();
    double savedAtSeconds = state.seconds();
    while (state.step() < training.lastStep()) {
      Optional<End> givenUp = step();
      if (givenUp.isPresent()) {
        save();
        return givenUp.get();
      }
      if (state.skippedInRow() >= training.skipLimit()) {
        return End.NOT_FINITE;
      }
      if (due(config.evaluation().everySteps())) {
        double loss = with.validation.loss(phase.window());
        for (TrainingListener listener : with.listeners) {
          listener.validation(state.step(), loss, phase.window());
        }
      }
      boolean timeToSave =
          config.checkpoint().everyMinutes() > 0
              && with.ranks.any(
                  state.seconds() - savedAtSeconds >= 60 * config.checkpoint().everyMinutes());
      if (state.skippedInRow() == 0 && (due(config.checkpoint().everySteps()) || timeToSave)) {
        save();
        savedAtStep = state.step();
        savedAtSeconds = state.seconds();
      }
    }
    if (savedAtStep < state.step() && sound()) {
      save();
    }
    return End.FINISHED;
  }

  /// A skipped step changes nothing, but what made it not finite may be the weights that the step
  /// before left.
  private boolean sound() {
    try (PointerScope scope = new PointerScope()) {
      return state.skippedInRow() == 0
          || !with.ranks.any(
              model.parameters().values().stream()
                  .anyMatch(parameter -> !Double.isFinite(parameter.sum().item_double())));
    }
  }

  private boolean due(long every) {
    return every > 0 && state.step() % every == 0;
  }

  private void save() throws IOException {
    Optional<Path> directory = with.saver.save(state, optimizer);
    if (directory.isPresent()) {
      for (TrainingListener listener : with.listeners) {
        listener.checkpoint(state.step(), directory.get());
      }
    }
  }

  /// One optimizer step.
  ///
  /// @return why it was given up; empty where it is done
  private Optional<End> step() throws IOException {
    TrainingConfig training = config.training();
    long stepBegan = System.nanoTime();
    int number = training.phase(state.step());
    enter(training.phases().get(number));
    ModelConfig trained = with.stages.apply(state.step());
    model.zeroGradients();
    Ranks ranks = with.ranks;
    Span span = ranks.span(phase.window());
    Slice own = ranks.windows(phase.windows());
    double targets = ranks.sum((double) own.count() * span.tokens());
    // Groups with fewer windows than others wait as often as these.
    int passes =
        Math.toIntExact(
            Math.ceilDiv(
                Math.ceilDiv(phase.windows(), (long) ranks.groups()), (long) phase.sequences()));
    double lossHere = 0;
    for (int pass = 0; pass < passes; pass++) {
      Optional<End> end = endNow();
      if (end.isPresent()) {
        return end;
      }
      long first = own.first() + (long) pass * phase.sequences();
      lossHere +=
          pass(number, first, Math.min(phase.sequences(), own.end() - first), span, targets);
      for (TrainingListener listener : with.listeners) {
        listener.pass(state.step() + 1, pass + 1, passes);
      }
    }
    double loss = ranks.sum(lossHere) / targets;
    if (with.shards.isEmpty()) {
      ranks.reduce(model.memory().gradientMemory(), all());
    }
    double norm = Math.sqrt(ranks.sum(optimizer.gradientSquares()));
    double rate =
        config.optimizer().learningRate()
            * config.schedule().factor(state.step(), training.steps())
            * phase.learningRateFactor();
    boolean finite = Double.isFinite(loss) && Double.isFinite(norm);
    if (finite) {
      double clip = training.gradientClip();
      optimizer.step(rate, clip > 0 && norm > clip ? clip / norm : 1);
      if (with.shards.isEmpty()) {
        ranks.share(model.memory().valueMemory(), all());
      }
    }
    double seconds = (System.nanoTime() - stepBegan) / 1e9;
    boolean goesOn = training.phase(state.step() + 1) == number;
    state =
        new TrainerState(
            state.step() + 1,
            optimizer.applied(),
            goesOn ? state.nextWindow() + phase.windows() : 0,
            state.tokens() + phase.batchTokens(),
            state.skippedSteps() + (finite ? 0 : 1),
            finite ? 0 : state.skippedInRow() + 1,
            state.seed(),
            state.seconds() + seconds,
            state.corpus());
    report(trained, number, loss, norm, rate, seconds, !finite);
    return Optional.empty();
  }

  private Slice all() {
    return new Slice(0, model.memory().elements());
  }

  /// All ranks come to the same answer: each stops where one of them must.
  private Optional<End> endNow() {
    if (with.ranks.any(stop.get())) {
      return Optional.of(End.STOPPED);
    }
    double limit = config.training().maxMinutes();
    boolean limited = limit > 0;
    return limited && with.ranks.any((System.nanoTime() - began) / 1e9 >= 60 * limit)
        ? Optional.of(End.TIME_UP)
        : Optional.empty();
  }

  /// A forward and backward pass over some windows of a step.
  ///
  /// @param first of them, counted from the step's first
  /// @param count may be 0 or less: none
  /// @param targets of the whole step, on all ranks
  /// @return the sum of the losses
  private double pass(int phaseNumber, long first, long count, Span span, double targets) {
    if (count <= 0) {
      model.standBy(true);
      return 0;
    }
    for (int row = 0; row < count && span.tokens() > 0; row++) {
      with.windows.part(
          phaseNumber,
          state.nextWindow() + first + row,
          span.first(),
          span.tokens(),
          tokens.row(row));
    }
    try (PointerScope scope = new PointerScope()) {
      return model.lossAndGradients(tokens.tensor(count), span, 1 / targets);
    }
  }

  private void report(
      ModelConfig trained,
      int number,
      double loss,
      double norm,
      double rate,
      double seconds,
      boolean skipped)
      throws IOException {
    double flops =
        new ModelCost(trained).trainingFlops(phase.window()) / phase.window() * phase.batchTokens();
    StepMetrics metrics =
        new StepMetrics(
            state.step(),
            loss,
            norm,
            rate,
            state.tokens(),
            number + 1,
            phase.window(),
            phase.batchTokens(),
            seconds,
            phase.batchTokens() / seconds,
            flops / seconds / with.matrixFlops,
            skipped,
            state.skippedSteps(),
            with.ranks.takeTraffic());
    for (TrainingListener listener : with.listeners) {
      listener.step(metrics);
    }
  }

  @Override
  public void close() {
    try (TokenBuffer _ = tokens;
        optimizer) {
      return;
    }
  }
}
