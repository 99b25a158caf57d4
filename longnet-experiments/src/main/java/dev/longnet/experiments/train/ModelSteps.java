// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.model.StepProfile;
import dev.longnet.lm.model.StepProfile.Part;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.Optimizer;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// A recipe's model and whole training steps of it, all on one sequence.
final class ModelSteps implements AutoCloseable {
  static final long SEED = 1;

  /// Tokens are drawn from this many ids, so that a right gradient lowers the loss within a few
  /// steps.
  private static final long IDS = 64;

  private final RunConfig config;
  private final @Nullable StepProfile profile;
  private final TorchThreads threads;
  private final PointerScope scope;
  private final Decoder decoder;
  private final Optimizer optimizer;
  private final Tensor tokens;

  /// @param profile takes where the steps' time goes; null: nobody asked
  ModelSteps(RunConfig config, @Nullable StepProfile profile) {
    this.config = config;
    this.profile = profile;
    RuntimeConfig runtime = config.runtime();
    Torch.load();
    torch.manual_seed(SEED);
    scope = new PointerScope();
    decoder =
        Decoder.create(
            config.model(),
            ModelOptions.of(runtime),
            profile == null
                ? AttentionOperators.factory(runtime)
                : AttentionOperators.profiled(runtime, profile),
            SEED,
            profile);
    threads = decoder.threads();
    optimizer =
        new Optimizer(
            config.optimizer(),
            decoder.parameters(),
            decoder.gradients(),
            name -> decoder.blueprint().parameter(name).decays(),
            decoder.workers());
    tokens =
        torch
            .randint(
                Math.min(IDS, config.model().vocabulary()),
                new long[] {1, config.training().window() + 1L},
                torch.dtype(torch.ScalarType.Long))
            .to(new Device(runtime.device()), torch.ScalarType.Long);
  }

  /// All cores where a recipe says 0.
  static int threads(RuntimeConfig runtime) {
    return runtime.threads() == 0 ? Runtime.getRuntime().availableProcessors() : runtime.threads();
  }

  Decoder decoder() {
    return decoder;
  }

  /// [1, N+1] int64
  Tensor tokens() {
    return tokens;
  }

  /// One step: forward, backward, gradient norm, optimizer.
  ///
  /// @return the loss before the update, nats
  double step() {
    decoder.zeroGradients();
    double loss;
    try (PointerScope _ = new PointerScope()) {
      loss = decoder.lossAndGradients(tokens, 1);
    }
    long began = StepProfile.begin(profile);
    double norm = optimizer.gradientNorm();
    double clip = config.training().gradientClip();
    optimizer.step(config.optimizer().learningRate(), clip > 0 && norm > clip ? clip / norm : 1);
    Torch.finish(decoder.parameters().firstEntry().getValue());
    if (profile != null) {
      // The norm reads the gradients; the update reads weights, gradients and two moments, and
      // writes three of them. All threads take part.
      profile.add(
          Part.OPTIMIZER,
          threads(config.runtime()) * (System.nanoTime() - began),
          8 * 4 * decoder.blueprint().elements());
    }
    return loss;
  }

  /// @throws IllegalStateException when steps did not lower the loss: then what was timed is not
  ///   training
  static void requireFalling(double first, double last) {
    if (!(last < first)) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "the loss does not fall on one sequence repeated: from %s to %s",
              first,
              last));
    }
  }

  @Override
  public void close() {
    optimizer.close();
    decoder.close();
    scope.close();
    threads.close();
  }
}
