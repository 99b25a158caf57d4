// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.Section;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.core.io.FileKind;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/// A saved model, with or without the state of its training: a directory of
///
/// - `config.json`: format, tokenizer, trained length, model
/// - `model.safetensors`: weights in float32 under torchscale's names
/// - `tokenizer.json`: the tokenizer's file, where it is one: the model's ids stay what they are
///   when the original changes
/// - `optimizer.safetensors`, `trainer.json`: what a run needs to go on (absent from an imported
///   model)
/// - `checksums.json`: length and CRC-32C of each of them
///
/// A run keeps its checkpoints under `checkpoints/step-00000123`.
///
/// @param tokenizer whose ids the model knows: its name, or the path of its file, this checkpoint's
///   own where it has one; [#NO_TOKENIZER] where an import did not say
/// @param trainedLength tokens of a training sequence
/// @param state where training stood, if the checkpoint can be trained on
public record Checkpoint(
    Path directory,
    ModelConfig model,
    String tokenizer,
    int trainedLength,
    Optional<TrainerState> state) {
  /// What `config.json` says.
  ///
  /// @param tokenizer as a recipe names it
  /// @param trainedLength tokens of a training sequence
  public record Config(ModelConfig model, String tokenizer, int trainedLength) {}

  /// What writes a run's tensors.
  ///
  /// @param weights writes `model.safetensors` to the path it is given
  /// @param optimizer writes `optimizer.safetensors` likewise
  public record Tensors(AtomicFiles.PathBody weights, AtomicFiles.PathBody optimizer) {}

  /// Of imported weights whose tokenizer nobody named.
  public static final String NO_TOKENIZER = "none";

  /// The tokenizer's file in a checkpoint's directory, and in a run's.
  public static final String TOKENIZER = "tokenizer.json";

  /// What `config.json` of an encoder of embeddings says instead.
  public static final String ENCODER_FORMAT = "longnet-encoder";

  private static final String FORMAT = "longnet-checkpoint";
  private static final int VERSION = 1;
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";
  private static final String TRAINER = "trainer.json";
  private static final String PREFIX = "step-";

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /// Finds the checkpoint a person means: a checkpoint's directory, or a run's directory for its
  /// newest.
  ///
  /// @throws IllegalArgumentException where there is none, or it is damaged
  public static Checkpoint resolve(Path runOrCheckpoint) throws IOException {
    if (!Files.exists(runOrCheckpoint)) {
      throw new IllegalArgumentException("no such run or checkpoint: " + runOrCheckpoint);
    }
    if (Files.isRegularFile(runOrCheckpoint)) {
      throw new IllegalArgumentException(
          runOrCheckpoint
              + " is a file"
              + FileKind.of(runOrCheckpoint).map(kind -> " (" + kind + ")").orElse("")
              + "; the directory of a run or a checkpoint is needed here, and `import` makes one of weights");
    }
    if (Files.isRegularFile(runOrCheckpoint.resolve(CONFIG))) {
      return open(runOrCheckpoint);
    }
    List<Path> all = list(runOrCheckpoint);
    if (all.isEmpty()) {
      throw new IllegalArgumentException(
          "no checkpoint in "
              + runOrCheckpoint
              + ": neither config.json nor checkpoints/step-* is there");
    }
    try {
      return open(all.getLast());
    } catch (IllegalArgumentException damaged) {
      if (all.size() == 1) {
        throw damaged;
      }
      throw new FieldException(
          FieldMessage.of(
              "%s; the one before it: %s (%s takes it once the damaged one is removed)",
              String.valueOf(damaged.getMessage()), all.get(all.size() - 2), Field.of("resume")),
          damaged);
    }
  }

  /// A run's checkpoints, oldest first; empty when it has none yet.
  public static List<Path> list(Path run) throws IOException {
    Path parent = run.resolve("checkpoints");
    if (!Files.isDirectory(parent)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(parent)) {
      return files
          .filter(p -> p.getFileName().toString().matches(PREFIX + "[0-9]{8,}"))
          .sorted(Comparator.comparingLong(Checkpoint::stepOf))
          .toList();
    }
  }

  /// Opens one checkpoint directory; all of its files are checked against their lengths and
  /// checksums.
  public static Checkpoint open(Path directory) throws IOException {
    ObjectNode tree = readObject(directory.resolve(CONFIG));
    Section s = Section.root(tree, directory.resolve(CONFIG).toString());
    if (s.text("format", "").equals(ENCODER_FORMAT)) {
      throw new IllegalArgumentException(
          directory
              + " is an encoder of embeddings (longnet-encoder), which `encode` takes; a language model is needed here");
    }
    if (s.text("format", "").isEmpty() && s.has("model_type")) {
      throw new IllegalArgumentException(
          directory
              + " is a model of the Hub's form; the directory of a run or a checkpoint is needed here, and `import hub` makes one of it");
    }
    if (!s.text("format", "").equals(FORMAT)) {
      throw s.wrong("format", "must be " + FORMAT);
    }
    if (s.integer("format_version", 0, 0) != VERSION) {
      throw s.wrong("format_version", "must be " + VERSION + ", the one this program knows");
    }
    String tokenizer = s.requiredText("tokenizer");
    int trainedLength = s.requiredInteger("trained_length", 1);
    s.require("model");
    Section modelSection = s.section("model");
    modelSection.require("vocabulary");
    ModelConfig model = ModelTree.read(modelSection, 1);
    s.done();
    requireFile(directory.resolve(WEIGHTS));
    Checksums.verify(directory);
    Optional<TrainerState> state = Optional.empty();
    if (Files.exists(directory.resolve(TRAINER))) {
      requireFile(directory.resolve(OPTIMIZER));
      Path file = directory.resolve(TRAINER);
      state = Optional.of(TrainerState.read(readObject(file), file.toString()));
    }
    // Checkpoints of earlier versions have no copy: they know the path alone.
    Path copy = directory.resolve(TOKENIZER);
    boolean own = Tokenizers.isFile(tokenizer) && Files.isRegularFile(copy);
    return new Checkpoint(
        directory, model, own ? copy.toString() : tokenizer, trainedLength, state);
  }

  public boolean hasTokenizer() {
    return !tokenizer.equals(NO_TOKENIZER);
  }

  /// Whether a recipe's tokenizer gives the ids this model knows: it has this one's name, or is a
  /// file of the same content.
  public boolean hasTokenizer(String other) throws IOException {
    if (other.equals(tokenizer) || !Tokenizers.isFile(other) || !Tokenizers.isFile(tokenizer)) {
      return other.equals(tokenizer);
    }
    Path file = Path.of(other);
    Path own = Path.of(tokenizer);
    return Files.isRegularFile(file) && Files.isRegularFile(own) && Files.mismatch(file, own) < 0;
  }

  /// @throws IllegalArgumentException when nobody named the tokenizer, or it has more ids than the
  ///   model knows
  public Tokenizer loadTokenizer() {
    if (!hasTokenizer()) {
      throw new FieldException(
          "this model has no tokenizer: import it again with %s NAME: %s",
          Field.of("tokenizer"), directory);
    }
    Tokenizer loaded = Tokenizers.of(tokenizer);
    if (loaded.vocabularySize() > model.vocabulary()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "the model's vocabulary must hold the %d tokens of tokenizer %s: vocabulary=%d",
              loaded.vocabularySize(),
              loaded.name(),
              model.vocabulary()));
    }
    return loaded;
  }

  public Path weights() {
    return directory.resolve(WEIGHTS);
  }

  /// Exists where [#state()] does.
  public Path optimizer() {
    return directory.resolve(OPTIMIZER);
  }

  /// Writes a run's checkpoint whole or not at all, then deletes the oldest beyond `keep`. A
  /// checkpoint of the same step that exists already is kept: the same step of one run is the same
  /// state.
  ///
  /// @param config whose tokenizer, if it is a file, is the run's own copy where there is one
  public static Path write(Path run, Config config, TrainerState state, Tensors tensors, int keep)
      throws IOException {
    Path target =
        run.resolve("checkpoints")
            .resolve(String.format(Locale.ROOT, "%s%08d", PREFIX, state.step()));
    if (!Files.exists(target)) {
      AtomicFiles.writeDirectory(
          target,
          directory -> {
            Path copy = run.resolve(TOKENIZER);
            Path file = Files.exists(copy) ? copy : Path.of(config.tokenizer());
            writeModel(directory, config, file, tensors.weights());
            tensors.optimizer().writeTo(directory.resolve(OPTIMIZER));
            ObjectNode trainer = JSON.createObjectNode();
            state.write(trainer);
            JSON.writeValue(directory.resolve(TRAINER).toFile(), trainer);
            Checksums.write(directory);
          });
    }
    List<Path> all = list(run);
    for (Path old : all.subList(0, Math.max(0, all.size() - keep))) {
      if (!old.equals(target)) {
        AtomicFiles.deleteRecursively(old);
      }
    }
    return target;
  }

  /// Writes a model without the state of a training, whole or not at all.
  ///
  /// @param directory must not exist
  public static void writeModelOnly(
      Path directory,
      ModelConfig model,
      String tokenizer,
      int trainedLength,
      AtomicFiles.PathBody weights)
      throws IOException {
    AtomicFiles.writeDirectory(
        directory,
        temporary -> {
          Config config = new Config(model, tokenizer, trainedLength);
          writeModel(temporary, config, Path.of(tokenizer), weights);
          Checksums.write(temporary);
        });
  }

  private static void writeModel(
      Path directory, Config config, Path tokenizerFile, AtomicFiles.PathBody weights)
      throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("format_version", VERSION);
    json.put("tokenizer", config.tokenizer());
    json.put("trained_length", config.trainedLength());
    json.set("model", ModelTree.write(config.model()));
    JSON.writeValue(directory.resolve(CONFIG).toFile(), json);
    // An import may name a file that only another machine has.
    if (Tokenizers.isFile(config.tokenizer()) && Files.isRegularFile(tokenizerFile)) {
      Files.copy(tokenizerFile, directory.resolve(TOKENIZER));
    }
    weights.writeTo(directory.resolve(WEIGHTS));
  }

  static ObjectNode readObject(Path file) throws IOException {
    try {
      JsonNode node = Texts.json(JSON, Files.readAllBytes(file));
      if (node instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException("damaged checkpoint: not a JSON object: " + file);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("damaged checkpoint: not valid JSON: " + file, e);
    }
  }

  private static void requireFile(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(file.toString());
    }
  }

  private static long stepOf(Path checkpoint) {
    return Long.parseLong(checkpoint.getFileName().toString().substring(PREFIX.length()));
  }
}
