// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.BranchedAttention;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.evaluate.Scorer;
import dev.longnet.core.io.ResourceStack;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingCheckpoint;
import dev.longnet.lm.inference.LoadedModel;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// A run's newest checkpoint.
final class OpenedModel implements TrainedModel {
  private final RunConfig config;
  private final Path run;
  private final Checkpoint checkpoint;
  private final TokenSplit heldOut;
  private final LoadedModel model;
  private final ResourceStack opened;
  private @Nullable LoadedModel blockwise;

  private OpenedModel(
      RunConfig config,
      Path run,
      Checkpoint checkpoint,
      TokenSplit heldOut,
      LoadedModel model,
      ResourceStack opened) {
    this.config = config;
    this.run = run;
    this.checkpoint = checkpoint;
    this.heldOut = heldOut;
    this.model = model;
    this.opened = opened;
  }

  static OpenedModel open(RunConfig config, Path run) throws IOException {
    ResourceStack opened = new ResourceStack();
    try {
      // Training left the shards in the cache.
      TokenShards shards =
          opened.push(Tokenization.prepare(config.corpus().absolute(), TokenizationListener.NONE));
      Checkpoint checkpoint = Checkpoint.resolve(run);
      LoadedModel model = opened.push(LoadedModel.open(checkpoint, config.runtime()));
      return new OpenedModel(config, run, checkpoint, shards.validation(), model, opened);
    } catch (IOException | RuntimeException | Error e) {
      opened.closeAfter(e);
      throw e;
    }
  }

  @Override
  public RunConfig config() {
    return config;
  }

  @Override
  public Path run() {
    return run;
  }

  @Override
  public TokenSplit heldOut() {
    return heldOut;
  }

  @Override
  public Tokenizer tokenizer() {
    return model.tokenizer();
  }

  @Override
  public Scorer scorer() {
    return model.scorer();
  }

  @Override
  public long[] expected(long[] ids, int batch, int tokens) {
    Decoder decoder = model.decoder();
    try (Arena arena = Arena.ofConfined();
        TorchThreads _ = Torch.threads(decoder.options().threads());
        PointerScope _ = new PointerScope()) {
      Tensor inputs =
          TensorMemory.view(
              arena.allocateFrom(ValueLayout.JAVA_LONG, ids), ScalarType.Long, batch, tokens);
      Tensor best =
          decoder
              .logits(inputs.to(new Device(decoder.options().device()), ScalarType.Long))
              .argmax(new LongOptional(2), false)
              .cpu()
              .contiguous();
      return TensorMemory.of(best).toArray(ValueLayout.JAVA_LONG);
    }
  }

  @Override
  public float[] read(long[] ids) throws IOException {
    boolean grows =
        config.model().mixers().stream()
            .anyMatch(mixer ->
                !(mixer instanceof AttentionConfig.Dilated || mixer instanceof BranchedAttention));
    return grows ? readWindows(ids) : stream(ids);
  }

  private float[] stream(long[] ids) throws IOException {
    int[] tokens = Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    float[] losses = new float[tokens.length];
    try (StreamingCheckpoint streaming =
            StreamingCheckpoint.open(checkpoint, StreamOptions.defaults());
        StreamSession session = streaming.model().newSession();
        StreamState state = streaming.model().newStream()) {
      session.read(state, tokens, 0, tokens.length, losses);
    }
    return Arrays.copyOfRange(losses, 1, losses.length);
  }

  private float[] readWindows(long[] ids) {
    int window = config.training().window();
    int step = Math.max(1, window / 2);
    float[] losses = new float[ids.length - 1];
    int known = 0;
    for (int from = 0; known < losses.length; from += step) {
      int tokens = Math.min(window, losses.length - from);
      float[] own = scorer().losses(Arrays.copyOfRange(ids, from, from + tokens + 1), 1, tokens);
      System.arraycopy(own, known - from, losses, known, tokens - (known - from));
      known = from + tokens;
    }
    return losses;
  }

  @Override
  public Scorer blockwise() throws IOException {
    if (blockwise == null) {
      blockwise = opened.push(LoadedModel.openBlockwise(checkpoint, config.runtime()));
    }
    return blockwise.scorer();
  }

  @Override
  public void close() throws IOException {
    opened.close();
  }
}
