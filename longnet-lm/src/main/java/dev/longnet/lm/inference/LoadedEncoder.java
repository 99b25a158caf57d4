package dev.longnet.lm.inference;

import dev.longnet.attention.AttentionPattern;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.lm.config.EncoderConfig;
import dev.longnet.lm.io.SafetensorsFile;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.JavaAttentionOperator;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.TorchAttentionOperator;
import dev.longnet.lm.weights.EncoderCheckpoint;
import java.io.IOException;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// An imported encoder, ready to be used; the caller closes it.
public final class LoadedEncoder {
  private LoadedEncoder() {}

  /// @param config the checkpoint's, or it with other segments
  public static Encoder open(EncoderCheckpoint checkpoint, EncoderConfig config, ModelOptions options)
      throws IOException {
    Encoder encoder = random(config, options, 0);
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.weights());
        PointerScope _ = new PointerScope()) {
      for (Map.Entry<String, Tensor> e : encoder.parameters().entrySet()) {
        Tensor stored = TensorMemory.view(file.tensor(e.getKey()));
        if (stored.numel() != e.getValue().numel()) {
          throw new IllegalArgumentException(
              "%s: tensor %s must have %d elements: %d"
                  .formatted(checkpoint.weights(), e.getKey(), e.getValue().numel(), stored.numel()));
        }
        e.getValue().copy_(stored.reshape(e.getValue().sizes()));
      }
      encoder.prepare();
      return encoder;
    } catch (IOException | RuntimeException | Error e) {
      encoder.close();
      throw e;
    }
  }

  /// With random weights.
  public static Encoder random(EncoderConfig config, ModelOptions options, long seed) {
    boolean cpu = options.device().equals("cpu");
    return Encoder.create(
        config,
        options,
        attention -> {
          AttentionPattern pattern = attention.pattern(false);
          AttentionOperator operator =
              cpu
                  ? new JavaAttentionOperator(DilatedAttention.of(pattern), GradientMode.EXACT)
                  : new TorchAttentionOperator(pattern, GradientMode.EXACT);
          return operator;
        },
        seed);
  }
}
