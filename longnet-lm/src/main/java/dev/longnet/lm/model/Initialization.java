package dev.longnet.lm.model;

import dev.longnet.lm.config.ModelConfig;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Initial weights, distributed as torchscale's: normal(0, C^-1/2) for embedding and output
/// projection; Xavier uniform for q, k, v (gain 2^-1/2) and out_proj; uniform(+-fan_in^-1/2) for
/// fc1, fc2 and for biases, out_proj's zero; then MAGNETO's gain sqrt(log 2L) on v_proj, out_proj,
/// fc1 and fc2, weights and biases.
///
/// Each parameter has a random stream of its own from (seed, name), so weights depend neither on
/// the order of parameters nor on libtorch's generator.
final class Initialization {
  private static final int BLOCK = 1 << 16;

  private Initialization() {}

  static void fill(Parameters parameters, ModelConfig config, long seed) {
    double gain = Math.sqrt(Math.log(2.0 * config.layers()));
    parameters
        .values()
        .forEach((name, tensor) -> {
          RandomGenerator random =
              RandomGeneratorFactory.of("L64X128MixRandom").create(mix(seed, name));
          boolean scaled =
              name.contains("v_proj")
                  || name.contains("out_proj")
                  || name.contains("fc1")
                  || name.contains("fc2");
          write(tensor, draw(name, config, random), scaled ? gain : 1);
        });
  }

  private interface Draw {
    double next();
  }

  private static Draw draw(String name, ModelConfig config, RandomGenerator random) {
    double c = config.hidden();
    double f = config.feedForward();
    boolean weight = name.endsWith(".weight");
    if (name.contains("layer_norm") || name.contains("_ln.") || name.contains("layernorm")) {
      return () -> weight ? 1 : 0;
    }
    if (name.startsWith("embed_tokens") || name.startsWith("output_projection")) {
      double deviation = 1 / Math.sqrt(c);
      return () -> deviation * random.nextGaussian();
    }
    if (name.contains("out_proj") && !weight) {
      return () -> 0;
    }
    double bound;
    if (name.contains("ffn.")) {
      bound = 1 / Math.sqrt(name.contains("fc1") ? c : f);
    } else if (!weight) {
      bound = 1 / Math.sqrt(c);
    } else {
      bound = Math.sqrt(6 / (c + c)) * (name.contains("out_proj") ? 1 : Math.sqrt(0.5));
    }
    return () -> bound * (2 * random.nextDouble() - 1);
  }

  private static void write(Tensor tensor, Draw draw, double gain) {
    try (PointerScope _ = new PointerScope()) {
      Tensor host = tensor.is_cuda() ? torch.empty(tensor.numel()) : tensor;
      FloatPointer to = host.data_ptr_float();
      float[] block = new float[(int) Math.min(BLOCK, tensor.numel())];
      for (long at = 0; at < tensor.numel(); at += block.length) {
        int count = (int) Math.min(block.length, tensor.numel() - at);
        for (int i = 0; i < count; i++) {
          block[i] = (float) (gain * draw.next());
        }
        to.position(at).put(block, 0, count);
      }
      if (host != tensor) {
        tensor.copy_(host.view_as(tensor));
      }
    }
  }

  private static long mix(long seed, String name) {
    long hash = 0xcbf29ce484222325L ^ seed * 0x9E3779B97F4A7C15L;
    for (int i = 0; i < name.length(); i++) {
      hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
    }
    return hash;
  }
}
