// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.Section;
import dev.longnet.core.config.TorchscaleConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.Texts;
import dev.longnet.core.io.WeightFiles;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/// torchscale's decoders and encoders, and the encoders of LongViT and Prov-GigaPath, as a run
/// directory of ours. Tensors keep their types and bits; names and configuration are translated.
public final class TorchscaleImport {
  static final String EXTRA = "extra.safetensors";
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonParser.Feature.ALLOW_COMMENTS)
          .build();

  private TorchscaleImport() {}

  /// @param config file with torchscale's keyword arguments, if not in the weights' metadata
  /// @param prefix of the stack's tensors, where it is not to be found
  /// @param tokenizer whose ids the model knows, as a recipe names it
  /// @param trainedLength tokens of a training sequence; else the longest segment
  /// @param zeroPaddedKeys see [MixerConfig#zeroPaddedKeys()]
  public record Options(
      Optional<Path> config,
      Optional<String> prefix,
      Optional<String> tokenizer,
      Optional<Integer> trainedLength,
      boolean zeroPaddedKeys) {}

  /// What an import did.
  ///
  /// @param kind decoder, encoder of tokens, encoder of embeddings
  /// @param kept tensors that surround the model and that we do not compute with: stored, and
  ///   exported again
  public record Result(String kind, int tensors, long parameters, List<String> kept) {}

  /// @param out must not exist
  /// @throws IllegalArgumentException names the tensor or argument that is missing, wrong, unknown
  ///   or not supported
  public static Result run(Path file, Path out, Options options) throws IOException {
    if (Files.exists(out)) {
      throw new FileAlreadyExistsException(out.toString());
    }
    if (Files.isDirectory(file) && HubConfig.isAt(file)) {
      throw new IllegalArgumentException(
          file + " is a model of the Hub's form, which `import hub` takes");
    }
    try (WeightFiles weights = WeightFiles.open(file)) {
      StateDict dict = StateDict.of(weights, options.prefix().orElse(null), file.toString());
      boolean tokens = dict.stack().containsKey(Blueprint.EMBEDDING);
      String own = weights.metadata().get("longnet_config");
      if (own != null && options.config().isEmpty()) {
        return own(weights, dict, parse(own, file + ": metadata key longnet_config"), out);
      }
      ObjectNode arguments = arguments(weights, dict, file, options.config());
      String source = options.config().map(Path::toString).orElse(file.toString());
      return tokens
          ? model(
              weights,
              dict,
              TorchscaleConfig.model(arguments, source),
              arguments,
              file,
              out,
              options)
          : encoder(weights, dict, arguments, source, file, out, options);
    }
  }

  /// An export of ours.
  private static Result own(WeightFiles weights, StateDict dict, ObjectNode tree, Path out)
      throws IOException {
    Section s = Section.root(tree, "metadata key longnet_config");
    String tokenizer = s.requiredText("tokenizer");
    int trainedLength = s.requiredInteger("trained_length", 1);
    ModelConfig config = ModelTree.read(s.section("model"), 1);
    s.done();
    ImportPlan plan = new ImportPlan(weights, dict, "metadata key longnet_config");
    Blueprint.of(config).parameters().forEach(plan::take);
    plan.finish();
    Checkpoint.writeModelOnly(
        out, config, tokenizer, trainedLength, path -> plan.write(path, Map.of()));
    return plan.result(config.causal() ? "decoder" : "encoder of tokens");
  }

  private static Result model(
      WeightFiles weights,
      StateDict dict,
      ModelConfig given,
      ObjectNode arguments,
      Path file,
      Path out,
      Options options)
      throws IOException {
    ModelConfig config = options.zeroPaddedKeys() ? withZeroPaddedKeys(given) : given;
    ImportPlan plan = new ImportPlan(weights, dict, file.toString());
    Blueprint.of(config).parameters().forEach(plan::take);
    if (config.tiedOutput()) {
      plan.sameOrAbsent(Blueprint.OUTPUT, Blueprint.EMBEDDING);
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      plan.xposOrAbsent(Blueprint.mixerPrefix(layer) + XposScale.NAME, config);
    }
    plan.finish();
    options.tokenizer().ifPresent(name -> requireIds(name, config));
    Map<String, String> metadata = new LinkedHashMap<>();
    new Origin(arguments, dict.prefix(), plan.names()).write(metadata);
    int length = options.trainedLength().orElseGet(() -> usualLength(config));
    Checkpoint.writeModelOnly(
        out,
        config,
        options.tokenizer().orElse(Checkpoint.NO_TOKENIZER),
        length,
        path -> plan.write(path, metadata));
    return plan.result(config.causal() ? "decoder" : "encoder of tokens");
  }

  /// A tokenizer that is not there, or whose ids the model does not know, would be found out by
  /// whoever generates.
  private static void requireIds(String tokenizer, ModelConfig config) {
    int ids = Tokenizers.vocabularySize(tokenizer);
    if (ids > config.vocabulary()) {
      throw new FieldException(
          "%s has %,d ids, the model knows %,d: %s",
          Field.of("tokenizer"), ids, config.vocabulary(), Field.of("tokenizer", tokenizer));
    }
  }

  private static Result encoder(
      WeightFiles weights,
      StateDict dict,
      ObjectNode arguments,
      String source,
      Path file,
      Path out,
      Options options)
      throws IOException {
    if (options.tokenizer().isPresent() || options.trainedLength().isPresent()) {
      throw new FieldException(
          "%s and %s are for models with token embeddings",
          Field.of("tokenizer"), Field.of("trainedLength"));
    }
    ImportPlan plan = new ImportPlan(weights, dict, file.toString());
    TensorEntry projection = plan.around("patch_embed.proj.weight");
    TensorEntry positions = plan.around("pos_embed");
    TensorEntry head = plan.around("head.weight");
    @Nullable String norm =
        plan.around("norm.weight") != null
            ? "norm"
            : plan.around("fc_norm.weight") != null ? "fc_norm" : null;
    TorchscaleConfig.Surroundings around =
        new TorchscaleConfig.Surroundings(
            Optional.ofNullable(projection)
                .map(t -> rows(t, file) == 0 ? 0 : size(t, t.elements() / rows(t, file), file)),
            plan.around("cls_token") != null,
            Optional.ofNullable(positions)
                .map(t -> t.shape().length == 3 ? size(t, t.shape()[1], file) : 0),
            Optional.ofNullable(norm),
            Optional.ofNullable(head).map(t -> rows(t, file)));
    EncoderConfig config =
        TorchscaleConfig.encoder(arguments, source, around)
            .withZeroPaddedKeys(options.zeroPaddedKeys());
    Blueprint.of(config).parameters().forEach(parameter -> plan.takeEncoder(parameter, norm));
    plan.finish();
    Map<String, String> metadata = new LinkedHashMap<>();
    new Origin(arguments, dict.prefix(), plan.names()).write(metadata);
    EncoderCheckpoint.write(out, config, path -> plan.write(path, metadata));
    return plan.result("encoder of embeddings");
  }

  private static int rows(TensorEntry t, Path file) {
    return size(t, t.shape().length == 0 ? -1 : t.shape()[0], file);
  }

  /// A size that the encoder takes from one of its tensors.
  private static int size(TensorEntry t, long size, Path file) {
    if (size < 0 || size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s must be a matrix with 31-bit sizes: %s: %s",
              t.name(),
              Arrays.toString(t.shape()),
              file));
    }
    return (int) size;
  }

  private static ModelConfig withZeroPaddedKeys(ModelConfig c) {
    // torchscale's own models have one attention; without short segments nothing is padded.
    MixerConfig attention = c.mixer(0);
    if (c.causal() || attention.longestSegment().isEmpty()) {
      throw new FieldException(
          "%s is for encoders with dilated attention", Field.of("zeroPaddedKeys"));
    }
    return c.withMixer(attention.withZeroPaddedKeys(true));
  }

  /// In tokens: the longest segment, where there is one.
  private static int usualLength(ModelConfig config) {
    OptionalLong longest = config.mixer(0).longestSegment();
    return longest.isEmpty() ? 2048 : (int) Math.min(1 << 20, longest.getAsLong());
  }

  private static ObjectNode arguments(
      WeightFiles weights, StateDict dict, Path file, Optional<Path> config) throws IOException {
    if (config.isPresent()) {
      return parse(Texts.read(config.get()), config.get().toString());
    }
    String text = weights.metadata().get("config");
    if (text != null) {
      return parse(text, file + ": config");
    }
    if (weights.values().get("config") instanceof Map<?, ?> map) {
      return JSON.convertValue(map, ObjectNode.class);
    }
    Object settings = weights.values().get("args");
    if (weights.values().get("cfg") instanceof Map<?, ?> cfg && cfg.get("model") != null) {
      settings = cfg.get("model");
    }
    if (settings instanceof Map<?, ?> map) {
      String embedding = dict.stack().get(Blueprint.EMBEDDING);
      return TorchscaleConfig.ofFairseq(
          JSON.convertValue(map, ObjectNode.class),
          embedding == null ? -1 : rows(weights.tensor(embedding), file));
    }
    throw new FieldException(
        "the weights hold no configuration under the keys config, cfg.model, args: "
            + "give torchscale's keyword arguments with %s FILE.json: %s",
        Field.of("config"), file);
  }

  private static ObjectNode parse(String text, String source) {
    try {
      if (JSON.readTree(text) instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException("must be a JSON object of keyword arguments: " + source);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not valid JSON: " + source + ": " + Texts.reason(e), e);
    }
  }
}
