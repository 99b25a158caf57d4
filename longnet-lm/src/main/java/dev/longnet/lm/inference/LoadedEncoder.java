// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.weights.EncoderCheckpoint;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Encoders from disk, ready to be used; the caller closes them.
public final class LoadedEncoder {
  private LoadedEncoder() {}

  /// @param config the checkpoint's, or it with other segments
  public static Encoder open(
      EncoderCheckpoint checkpoint, EncoderConfig config, RuntimeConfig runtime)
      throws IOException {
    Encoder encoder = random(config, runtime, 0);
    try (TorchThreads _ = Torch.threads(runtime.threads())) {
      fill(checkpoint.weights(), encoder.parameters());
      encoder.prepare();
      return encoder;
    } catch (IOException | RuntimeException | Error e) {
      encoder.close();
      throw e;
    }
  }

  /// With random weights.
  public static Encoder random(EncoderConfig config, RuntimeConfig runtime, long seed) {
    try (TorchThreads _ = Torch.threads(runtime.threads())) {
      return Encoder.create(
          config,
          ModelOptions.of(runtime).withActivationCheckpointing(false),
          AttentionOperators.factory(runtime),
          seed);
    }
  }

  /// A patch kernel [C, c, p, p] fills the matrix [C, c p p] it is.
  private static void fill(Path weights, Map<String, Tensor> parameters) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(weights);
        PointerScope _ = new PointerScope()) {
      for (Map.Entry<String, Tensor> e : parameters.entrySet()) {
        Tensor stored = TensorMemory.view(file.tensor(e.getKey()));
        if (stored.numel() != e.getValue().numel()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor %s must have %d elements: %d",
                  weights,
                  e.getKey(),
                  e.getValue().numel(),
                  stored.numel()));
        }
        e.getValue().copy_(stored.reshape(e.getValue().sizes()));
      }
    }
  }
}
