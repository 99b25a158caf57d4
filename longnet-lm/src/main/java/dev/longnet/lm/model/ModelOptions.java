// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;

/// How a model runs, as opposed to what it computes: results agree to rounding for all chunk sizes
/// and for `activationCheckpointing` on and off.
///
/// @param device where every tensor lives: `cpu`, `cuda`, `cuda:1`
/// @param precision of matrix products
/// @param threads of the CPU for libtorch's operations; 0: all cores
/// @param activationCheckpointing keep only each layer's input for the backward pass and compute
///   the rest again
/// @param tokenChunk tokens that go through the token-wise part of a layer at a time; bounds its
///   memory
/// @param lossChunk tokens whose logits exist at a time; [lossChunk, V] is the largest buffer of
///   the loss
public record ModelOptions(
    String device,
    Precision precision,
    int threads,
    boolean activationCheckpointing,
    int tokenChunk,
    int lossChunk) {

  public static final int TOKEN_CHUNK = RuntimeConfig.TOKEN_CHUNK;

  public static final int LOSS_CHUNK = RuntimeConfig.LOSS_CHUNK;

  public ModelOptions {
    if (tokenChunk < 1) {
      throw new IllegalArgumentException("token_chunk must be positive: token_chunk=" + tokenChunk);
    }
    if (lossChunk < 1) {
      throw new IllegalArgumentException("loss_chunk must be positive: loss_chunk=" + lossChunk);
    }
  }

  public static ModelOptions of(RuntimeConfig runtime) {
    return new ModelOptions(
        runtime.device(),
        runtime.precision(),
        runtime.threads(),
        runtime.activationCheckpointing(),
        runtime.tokenChunk(),
        runtime.lossChunk());
  }

  /// float32 on the CPU, everything kept for the backward pass.
  public static ModelOptions cpu() {
    return new ModelOptions("cpu", Precision.FP32, 0, false, TOKEN_CHUNK, LOSS_CHUNK);
  }

  public ModelOptions withPrecision(Precision precision) {
    return new ModelOptions(
        device, precision, threads, activationCheckpointing, tokenChunk, lossChunk);
  }

  public ModelOptions withActivationCheckpointing(boolean on) {
    return new ModelOptions(device, precision, threads, on, tokenChunk, lossChunk);
  }

  public ModelOptions withChunks(int tokens, int loss) {
    return new ModelOptions(device, precision, threads, activationCheckpointing, tokens, loss);
  }
}
