// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.config.TorchscaleConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.ShardedWeights;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A run's weights as a file for others.
public final class WeightsExport {
  private WeightsExport() {}

  /// For whom.
  public enum Target {
    /// A state dict under `model.`, with torchscale's keyword arguments under the metadata key
    /// `config`: what [TorchscaleImport] takes, under the names it found where the weights were
    /// imported.
    TORCHSCALE,
    /// The parameters alone under torchscale's bare names; the whole configuration under
    /// `longnet_config`.
    SAFETENSORS,
    /// A directory in the form of Hugging Face's Hub: the same tensors, `config.json`, the
    /// tokenizer as its libraries read it, a model card: what [HubImport] takes.
    HUB
  }

  /// @param type of floating tensors; else what the run holds
  /// @param shardBytes largest size of a file's tensors; then the target is a directory with an
  ///   index
  /// @param languages of the texts, for a model card
  /// @param license of the weights, for a model card
  public record Options(
      Target target,
      Optional<DType> type,
      OptionalLong shardBytes,
      List<String> languages,
      Optional<String> license) {
    public Options {
      languages = List.copyOf(languages);
      if (target != Target.HUB && !(languages.isEmpty() && license.isEmpty())) {
        throw new FieldException(
            "%s and %s are for a model card: %s",
            Field.of("language"), Field.of("license"), Field.of("target", "hub"));
      }
    }

    /// Without what a model card says.
    public Options(Target target, Optional<DType> type, OptionalLong shardBytes) {
      this(target, type, shardBytes, List.of(), Optional.empty());
    }
  }

  /// A tensor of the target: its name, and where its values come from.
  private record Item(String name, TensorEntry value, boolean xpos) {}

  /// @param out must not exist
  /// @return number of tensors written
  public static int run(Path run, Path out, Options options) throws IOException {
    if (Files.exists(out)) {
      throw new FileAlreadyExistsException(out.toString());
    }
    if (EncoderCheckpoint.isAt(run)) {
      EncoderCheckpoint encoder = EncoderCheckpoint.open(run);
      if (options.target() != Target.TORCHSCALE) {
        throw new FieldException(
            "an encoder of embeddings is exported with %s: %s",
            Field.of("target", "torchscale"), run);
      }
      return write(encoder.weights(), null, null, out, options);
    }
    Checkpoint checkpoint = Checkpoint.resolve(run);
    return write(checkpoint.weights(), checkpoint.model(), checkpoint, out, options);
  }

  private static int write(
      Path weights,
      @Nullable ModelConfig model,
      @Nullable Checkpoint checkpoint,
      Path out,
      Options options)
      throws IOException {
    Path extraFile = weights.resolveSibling(TorchscaleImport.EXTRA);
    try (SafetensorsFile file = SafetensorsFile.open(weights);
        SafetensorsFile extra = Files.exists(extraFile) ? SafetensorsFile.open(extraFile) : null) {
      if (file.names().stream().anyMatch(name -> file.tensor(name).type() == DType.I8)) {
        throw new IllegalArgumentException(
            "int8 weights can't be exported, export the float32 run they came from: "
                + weights.getParent());
      }
      Origin origin = Origin.read(file.metadata());
      Map<String, String> metadata = new LinkedHashMap<>();
      Map<String, Item> items = new LinkedHashMap<>();
      switch (options.target()) {
        case SAFETENSORS -> {
          metadata.put("format", "pt");
          metadata.put("longnet_config", ownConfig(Objects.requireNonNull(checkpoint)).toString());
          file.names().forEach(name -> items.put(name, new Item(name, file.tensor(name), false)));
        }
        case HUB -> {
          metadata.put("format", "pt");
          file.names().forEach(name -> items.put(name, new Item(name, file.tensor(name), false)));
        }
        case TORCHSCALE -> {
          metadata.put("config", torchscaleConfig(model, origin).toString());
          String prefix = origin == null ? "model." : origin.prefix();
          for (String name : file.names()) {
            String theirs =
                origin == null ? prefix + name : origin.names().getOrDefault(name, prefix + name);
            items.put(theirs, new Item(theirs, file.tensor(name), false));
          }
          if (model != null) {
            buffers(model, file, prefix, items);
          }
          if (extra != null) {
            extra
                .names()
                .forEach(name -> items.put(name, new Item(name, extra.tensor(name), false)));
          }
        }
      }
      int headSize = model == null ? 0 : model.headSize();
      Map<String, Long> bytes = new LinkedHashMap<>();
      items.forEach((name, item) -> bytes.put(name, bytes(item, options, headSize)));
      ShardedWeights.Source source =
          (name, arena) -> entry(Objects.requireNonNull(items.get(name)), options, headSize, arena);
      if (options.target() == Target.HUB) {
        Checkpoint hub = Objects.requireNonNull(checkpoint);
        ModelCard.Facts facts = new ModelCard.Facts(options.languages(), options.license());
        HubConfig.Kept kept = HubConfig.Kept.read(file.metadata());
        DType type = type(Objects.requireNonNull(items.get(Blueprint.EMBEDDING)), options);
        AtomicFiles.writeDirectory(
            out,
            directory -> {
              if (options.shardBytes().isPresent()) {
                shards(directory, metadata, bytes, source, options);
              } else {
                single(directory.resolve("model.safetensors"), metadata, bytes.keySet(), source);
              }
              new HubExport(directory, hub, kept).write(type, facts);
            });
      } else if (options.shardBytes().isPresent()) {
        AtomicFiles.writeDirectory(
            out, directory -> shards(directory, metadata, bytes, source, options));
      } else {
        single(out, metadata, bytes.keySet(), source);
      }
      return items.size();
    }
  }

  private static void shards(
      Path directory,
      Map<String, String> metadata,
      Map<String, Long> bytes,
      ShardedWeights.Source source,
      Options options)
      throws IOException {
    ShardedWeights.write(
        directory, metadata, bytes, source, options.shardBytes().orElse(Long.MAX_VALUE));
  }

  private static void single(
      Path file, Map<String, String> metadata, Set<String> names, ShardedWeights.Source source)
      throws IOException {
    try (Arena arena = Arena.ofShared()) {
      List<TensorEntry> entries = new ArrayList<>();
      names.forEach(name -> entries.add(source.tensor(name, arena)));
      SafetensorsWriter.write(file, metadata, entries);
    }
  }

  /// What torchscale's state dict holds and ours does not: the shared output matrix again, xPos'
  /// constants.
  private static void buffers(
      ModelConfig model, SafetensorsFile file, String prefix, Map<String, Item> items) {
    if (model.tiedOutput()) {
      String name = prefix + Blueprint.OUTPUT;
      items.put(name, new Item(name, file.tensor(Blueprint.EMBEDDING), false));
    }
    for (int layer = 0;
        model.positions() == PositionEncoding.XPOS && layer < model.layers();
        layer++) {
      String mixer = Blueprint.mixerPrefix(layer);
      String name = prefix + mixer + XposScale.NAME;
      // In the type of the queries that it scales.
      items.put(name, new Item(name, file.tensor(mixer + "q_proj.weight"), true));
    }
  }

  private static DType type(Item item, Options options) {
    return Numbers.isFloating(item.value().type())
        ? options.type().orElse(item.value().type())
        : item.value().type();
  }

  private static long bytes(Item item, Options options, int headSize) {
    return (item.xpos() ? headSize / 2 : item.value().elements()) * type(item, options).size();
  }

  private static TensorEntry entry(Item item, Options options, int headSize, Arena arena) {
    DType type = type(item, options);
    if (item.xpos()) {
      return XposScale.make(item.name(), headSize, type, arena);
    }
    TensorEntry value =
        Numbers.isFloating(type) ? Numbers.convert(item.value(), type, arena) : item.value();
    return new TensorEntry(item.name(), type, value.shape(), value.data());
  }

  private static ObjectNode ownConfig(Checkpoint checkpoint) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("tokenizer", checkpoint.tokenizer());
    tree.put("trained_length", checkpoint.trainedLength());
    tree.set("model", ModelTree.write(checkpoint.model()));
    return tree;
  }

  /// The arguments the weights came with where they still describe the model, else new ones.
  private static ObjectNode torchscaleConfig(@Nullable ModelConfig model, @Nullable Origin origin) {
    if (origin != null
        && (model == null
            || sameButZeroKeys(TorchscaleConfig.model(origin.config(), "config"), model))) {
      return origin.config();
    }
    if (model == null) {
      throw new IllegalArgumentException(
          "an encoder's weights must have the metadata key torchscale, which an import writes: "
              + "it is missing");
    }
    return TorchscaleConfig.write(model);
  }

  private static boolean sameButZeroKeys(ModelConfig a, ModelConfig b) {
    return a.equals(b) || a.equals(b.mapMixers(mixer -> mixer.withZeroPaddedKeys(false)));
  }
}
