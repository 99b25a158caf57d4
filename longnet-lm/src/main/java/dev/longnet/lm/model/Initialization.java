// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.Parameter.Initial;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.DoubleSupplier;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Draws initial weights as the [Blueprint] says. Each parameter has a random stream of its own
/// from (seed, name), so weights depend neither on the order of parameters nor on libtorch's
/// generator.
final class Initialization {
  private static final int BLOCK = 1 << 16;

  private Initialization() {}

  static void fill(Parameters parameters, Blueprint blueprint, long seed) {
    for (Parameter parameter : blueprint.parameters()) {
      RandomGenerator random =
          RandomGeneratorFactory.of("L64X128MixRandom").create(mix(seed, parameter.name()));
      write(parameters.value(parameter.name()), draw(parameter.initial(), random));
    }
  }

  private static DoubleSupplier draw(Initial initial, RandomGenerator random) {
    return switch (initial) {
      case Initial.Constant(double value) -> () -> value;
      case Initial.Normal(double deviation) -> () -> deviation * random.nextGaussian();
      case Initial.Uniform(double bound, double gain) ->
          () -> gain * (bound * (2 * random.nextDouble() - 1));
      case Initial.NearIdentity(int taps, double bound) -> nearIdentity(taps, bound, random);
    };
  }

  private static DoubleSupplier nearIdentity(int taps, double bound, RandomGenerator random) {
    AtomicLong next = new AtomicLong();
    return () ->
        bound * (2 * random.nextDouble() - 1) + (next.incrementAndGet() % taps == 0 ? 1 : 0);
  }

  private static void write(Tensor tensor, DoubleSupplier draw) {
    try (PointerScope _ = new PointerScope()) {
      Tensor host = tensor.is_cuda() ? torch.empty(tensor.numel()) : tensor;
      FloatPointer to = host.data_ptr_float();
      float[] block = new float[(int) Math.min(BLOCK, tensor.numel())];
      for (long at = 0; at < tensor.numel(); at += block.length) {
        int count = (int) Math.min(block.length, tensor.numel() - at);
        for (int i = 0; i < count; i++) {
          block[i] = (float) draw.getAsDouble();
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
