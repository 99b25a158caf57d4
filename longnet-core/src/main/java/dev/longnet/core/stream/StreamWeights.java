package dev.longnet.core.stream;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;

/// A model's weights as inference reads them. Immutable: any number of streams share them. Closing
/// frees them.
final class StreamWeights implements AutoCloseable {
  /// Gain and bias [C].
  record Norm(NativeFloats gain, NativeFloats bias) {}

  /// One layer, in the order a token passes.
  ///
  /// @param qkv [3C, C]: query, key and value projections as one matrix
  record Layer(
      Norm attentionNorm,
      PackedMatrix qkv,
      Norm innerNorm,
      PackedMatrix out,
      Norm feedForwardNorm,
      PackedMatrix fc1,
      Norm middleNorm,
      PackedMatrix fc2) {}

  private final List<AutoCloseable> owned = new ArrayList<>();
  final List<Layer> layers = new ArrayList<>();
  final Norm finalNorm;

  /// [V, C], packed as a product wants it.
  final PackedMatrix output;

  /// [V, C]; the same as `output` where tied.
  final PackedMatrix embedding;

  final byte[] hash;

  /// @param tensors the checkpoint's, by torchscale's names
  /// @throws IllegalArgumentException when one is missing or has the wrong shape
  StreamWeights(ModelConfig config, Function<String, TensorEntry> tensors, Kernels kernels) {
    TreeMap<String, TensorEntry> read = new TreeMap<>();
    Function<String, TensorEntry> noting =
        name -> {
          TensorEntry entry = tensors.apply(name);
          read.put(name, entry);
          return entry;
        };
    WeightReader reader = new WeightReader(noting, kernels.panelWidth());
    int c = config.hidden();
    int f = config.feedForward();
    try {
      for (int i = 0; i < config.layers(); i++) {
        String layer = "layers." + i + ".";
        String attention = layer + "self_attn.";
        layers.add(
            new Layer(
                norm(reader, attention.substring(0, attention.length() - 1) + "_layer_norm", c),
                matrix(
                    reader, c, c, attention + "q_proj", attention + "k_proj", attention + "v_proj"),
                norm(reader, attention + "inner_attn_ln", c),
                matrix(reader, c, c, attention + "out_proj"),
                norm(reader, layer + "final_layer_norm", c),
                matrix(reader, f, c, layer + "ffn.fc1"),
                norm(reader, layer + "ffn.ffn_layernorm", f),
                matrix(reader, c, f, layer + "ffn.fc2")));
      }
      finalNorm = norm(reader, "layer_norm", c);
      embedding =
          own(reader.matrix(List.of("embed_tokens.weight"), config.vocabulary(), c, List.of()));
      output =
          config.tiedOutput()
              ? embedding
              : own(
                  reader.matrix(
                      List.of("output_projection.weight"), config.vocabulary(), c, List.of()));
      hash = hash(config, read);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T own(T resource) {
    owned.add(resource);
    return resource;
  }

  private Norm norm(WeightReader reader, String name, int width) {
    return new Norm(
        own(reader.vector(name + ".weight", width)), own(reader.vector(name + ".bias", width)));
  }

  private PackedMatrix matrix(WeightReader reader, int outEach, int in, String... names) {
    List<String> weights = java.util.Arrays.stream(names).map(n -> n + ".weight").toList();
    List<String> biases = java.util.Arrays.stream(names).map(n -> n + ".bias").toList();
    return own(reader.matrix(weights, outEach, in, biases));
  }

  /// SHA-256 over configuration, names and bytes of every tensor read: two models agree in it or
  /// give different logits.
  private static byte[] hash(ModelConfig config, TreeMap<String, TensorEntry> tensors) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(ModelTree.write(config).toString().getBytes(StandardCharsets.UTF_8));
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
    long sum = embedding.bytes() + (output == embedding ? 0 : output.bytes());
    for (Layer l : layers) {
      sum += l.qkv.bytes() + l.out.bytes() + l.fc1.bytes() + l.fc2.bytes();
    }
    return sum;
  }

  @Override
  public void close() {
    for (AutoCloseable resource : Collections.unmodifiableList(owned)) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    owned.clear();
  }
}
