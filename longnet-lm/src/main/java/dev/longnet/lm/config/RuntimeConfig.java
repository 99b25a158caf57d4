package dev.longnet.lm.config;

/// How a model computes; never what it computes (up to rounding).
///
/// @param device where every tensor lives: `cpu`, `cuda`, `cuda:1`
/// @param precision of matrix products; master weights, normalisation, softmax and loss stay in float32
/// @param threads of the CPU; 0: all cores
/// @param attentionKernel `auto`, or one that is forced
/// @param activationCheckpointing a layer's activations are computed again in the backward pass instead of kept
/// @param feedForwardChunk tokens the feed-forward takes at once; 0: all of them
/// @param lossChunk tokens whose logits exist at once
public record RuntimeConfig(
    String device,
    Precision precision,
    int threads,
    AttentionChoice attentionKernel,
    boolean activationCheckpointing,
    int feedForwardChunk,
    int lossChunk) {

  /// Type of the matrix products.
  public enum Precision {
    FP32,
    BF16
  }

  /// Which implementation of the attention operator.
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
    RuntimeConfig result =
        new RuntimeConfig(
            device,
            s.choice("precision", Precision.FP32, Precision.class),
            s.integer("threads", 0, 0),
            s.choice("attention_kernel", AttentionChoice.AUTO, AttentionChoice.class),
            s.flag("activation_checkpointing", false),
            s.integer("feed_forward_chunk", 0, 0),
            s.integer("loss_chunk", 2048, 1));
    s.done();
    return result;
  }
}
