// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import dev.longnet.lm.loops.RowLoops;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// What the parts of one model work with; closed by the model.
///
/// @param shards the parts in which windows may lie on several ranks
/// @param profile takes the time of what they do; null where nobody asked
/// @param workspace of what outlives a tile; the calling thread's
record Tools(
    Parameters parameters,
    Workspace workspace,
    Crew crew,
    Rowwise rowwise,
    ModelOptions options,
    SequenceShards shards,
    @Nullable StepProfile profile)
    implements AutoCloseable {
  /// Bytes of a column of a tile: enough rows for the speed of matrix products, few enough for a
  /// core's second cache.
  private static final int TILE_BYTES = 2048;

  /// With memory for every parameter of the blueprint.
  static Tools of(
      Blueprint blueprint,
      ModelOptions options,
      SequenceShards shards,
      @Nullable StepProfile profile) {
    Parameters parameters = Parameters.allocate(blueprint, options.device());
    return new Tools(
        parameters,
        new Workspace(parameters),
        new Crew(parameters, options),
        onCpu(options) ? new LoopRowwise(RowLoops.best(), profile) : new TorchRowwise(),
        options,
        shards,
        profile);
  }

  private static boolean onCpu(ModelOptions options) {
    return options.device().equals("cpu");
  }

  /// Of matrix products' operands and results.
  ScalarType product() {
    return Types.product(options.precision());
  }

  Linear linear(boolean hasBias, String... names) {
    return new Linear(parameters, hasBias, options.precision(), profile, names);
  }

  Norm norm(String name) {
    return new Norm(parameters, name);
  }

  /// How a pass over a span is cut.
  Shape shape(long batch, Span span) {
    return shape(batch, span, options.tokenChunk());
  }

  /// How rows are cut that have nothing to do with one another, `chunk` of them at most at a time.
  Shape shape(long rows, int chunk) {
    return shape(1, Span.whole(rows), chunk);
  }

  private Shape shape(long batch, Span span, int chunk) {
    int tile = TILE_BYTES / Types.bytes(product());
    return Shape.of(batch, span, chunk, onCpu(options) ? crew.size() : 0, tile);
  }

  @Override
  public void close() {
    crew.close();
    workspace.close();
    parameters.close();
  }
}
