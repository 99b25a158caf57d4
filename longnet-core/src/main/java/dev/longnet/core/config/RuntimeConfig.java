// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// How a model computes; never what it computes (up to rounding).
///
/// @param device where every tensor lives: `cpu`, `cuda`, `cuda:1`
/// @param precision of matrix products; master weights, normalisation, softmax and loss stay in
///   float32
/// @param threads of the CPU; 0: all cores
/// @param attentionKernel the implementation of the attention operator
/// @param activationCheckpointing a layer's activations are computed again in the backward pass
///   instead of kept
/// @param tokenChunk tokens that go through the token-wise part of a layer at a time
/// @param lossChunk tokens whose logits exist at a time
/// @param shardParameters of several ranks each holds a share of the weights and gradients, and
///   those of the layer that it is at
public record RuntimeConfig(
    String device,
    Precision precision,
    int threads,
    AttentionChoice attentionKernel,
    boolean activationCheckpointing,
    int tokenChunk,
    int lossChunk,
    boolean shardParameters) {

  /// Type of the matrix products.
  public enum Precision {
    FP32,
    BF16
  }

  /// Measured on 2 cores (docs/log.md): large enough for full-speed matrix products.
  public static final int TOKEN_CHUNK = 2048;

  public static final int LOSS_CHUNK = 1024;

  /// A GPU is kept waiting by many small pieces of work (docs/log.md).
  private static final int GPU_TOKEN_CHUNK = 32_768;

  private static final int GPU_LOSS_CHUNK = 4096;

  /// With a device's own chunks.
  public static RuntimeConfig of(
      String device,
      Precision precision,
      int threads,
      AttentionChoice attentionKernel,
      boolean activationCheckpointing) {
    boolean gpu = !device.equals("cpu");
    return new RuntimeConfig(
        device,
        precision,
        threads,
        attentionKernel,
        activationCheckpointing,
        gpu ? GPU_TOKEN_CHUNK : TOKEN_CHUNK,
        gpu ? GPU_LOSS_CHUNK : LOSS_CHUNK,
        false);
  }

  /// Which implementation of the attention operator; a forced one never falls back to another.
  public enum AttentionChoice {
    AUTO,
    JAVA,
    LIBTORCH
  }

  static RuntimeConfig read(Section s) {
    String device = s.text("device", "cpu");
    if (!device.matches("cpu|cuda(:[0-9]+)?")) {
      throw s.wrong("device", "must be cpu, cuda or cuda:INDEX");
    }
    RuntimeConfig given =
        of(
            device,
            s.choice("precision", Precision.FP32, Precision.class),
            s.integer("threads", 0, 0),
            s.choice("attention_kernel", AttentionChoice.AUTO, AttentionChoice.class),
            s.flag("activation_checkpointing", false));
    int tokenChunk = s.integer("token_chunk", given.tokenChunk, 1);
    int lossChunk = s.integer("loss_chunk", given.lossChunk, 1);
    boolean shardParameters = s.flag("shard_parameters", false);
    s.done();
    return new RuntimeConfig(
        given.device,
        given.precision,
        given.threads,
        given.attentionKernel,
        given.activationCheckpointing,
        tokenChunk,
        lossChunk,
        shardParameters);
  }

  /// @param count 0: all cores
  public RuntimeConfig withThreads(int count) {
    return new RuntimeConfig(
        device,
        precision,
        count,
        attentionKernel,
        activationCheckpointing,
        tokenChunk,
        lossChunk,
        shardParameters);
  }

  /// The same with activations computed again in the backward pass.
  public RuntimeConfig withActivationCheckpointing() {
    return new RuntimeConfig(
        device, precision, threads, attentionKernel, true, tokenChunk, lossChunk, shardParameters);
  }
}
