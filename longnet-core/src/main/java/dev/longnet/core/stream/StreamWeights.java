// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeMemory;
import dev.longnet.core.stream.kernel.NormWeights;
import dev.longnet.core.stream.kernel.PackedMatrix;
import dev.longnet.core.stream.kernel.WeightReader;
import dev.longnet.core.stream.mixer.StreamMixer;
import dev.longnet.core.stream.mixer.StreamMixers;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;

/// A model's weights as inference reads them. Immutable: any number of streams share them. Closing
/// frees them.
final class StreamWeights implements AutoCloseable {
  private final NativeMemory memory;
  private final long bytes;
  final List<StreamLayer> layers = new ArrayList<>();
  final NormWeights finalNorm;

  /// [V, C], packed as a product wants it.
  final PackedMatrix output;

  /// [V, C]; the same as `output` where tied.
  final PackedMatrix embedding;

  final byte[] hash;

  /// @param tensors the checkpoint's, by torchscale's names
  /// @param memory becomes these weights' own
  /// @throws IllegalArgumentException when one is missing or has the wrong shape
  StreamWeights(
      ModelConfig config,
      Function<String, TensorEntry> tensors,
      Kernels kernels,
      AttentionOptions attention,
      NativeMemory memory) {
    this.memory = memory;
    TreeMap<String, TensorEntry> read = new TreeMap<>();
    Function<String, TensorEntry> noting =
        name -> {
          TensorEntry entry = tensors.apply(name);
          read.put(name, entry);
          return entry;
        };
    WeightReader reader = new WeightReader(noting, kernels.panelWidth(), memory);
    int c = config.hidden();
    for (StreamMixer mixer : StreamMixers.of(config, reader, kernels, attention)) {
      layers.add(StreamLayer.read(layers.size(), mixer, reader, config));
    }
    finalNorm = reader.norm("layer_norm", c);
    embedding = vocabulary(reader, config, "embed_tokens.weight");
    output =
        config.tiedOutput() ? embedding : vocabulary(reader, config, "output_projection.weight");
    bytes = reader.matrixBytes();
    hash = hash(config, read);
  }

  private static PackedMatrix vocabulary(WeightReader reader, ModelConfig config, String name) {
    return reader.matrix(List.of(name), config.vocabulary(), config.hidden(), List.of());
  }

  /// SHA-256 over configuration, names and bytes of every tensor read: two models agree in it or
  /// give different logits.
  private static byte[] hash(ModelConfig config, TreeMap<String, TensorEntry> tensors) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ObjectNode model = ModelTree.write(config);
      digest.update(model.toString().getBytes(StandardCharsets.UTF_8));
      tensors.forEach((name, entry) -> {
        digest.update((name + ' ' + entry.type()).getBytes(StandardCharsets.UTF_8));
        MemorySegment data = entry.data();
        for (long at = 0; at < data.byteSize(); at += 1 << 30) {
          digest.update(data.asSlice(at, Math.min(1 << 30, data.byteSize() - at)).asByteBuffer());
        }
      });
      return digest.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Bytes of all matrices: what one generated token reads, apart from an untied embedding.
  long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    memory.close();
  }
}
