// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.Yaml;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/// A model card, `README.md` on the Hub: what the model is, what it was trained on, how well it
/// predicts. Only what the checkpoint and its run say; a language and a licence, whoever exports
/// knows.
///
/// @param run the run's recipe, where the checkpoint has a run
/// @param evaluation the run's `evaluation.json`, where it is this checkpoint's; else a missing
///   node
record ModelCard(
    Checkpoint checkpoint, Facts facts, String name, Optional<RunConfig> run, JsonNode evaluation) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /// What no run knows.
  ///
  /// @param languages of the texts, as ISO 639 writes them
  /// @param license as the Hub writes it: `apache-2.0`
  record Facts(List<String> languages, Optional<String> license) {
    Facts {
      languages = List.copyOf(languages);
    }
  }

  /// @throws IllegalArgumentException where a file of the run is damaged
  static ModelCard of(Checkpoint checkpoint, Facts facts) throws IOException {
    Path directory = checkpoint.directory().toAbsolutePath().normalize();
    Path parent = directory.getParent();
    Path owner = parent != null && parent.endsWith("checkpoints") ? parent.getParent() : null;
    boolean inRun = owner != null;
    Path run = owner == null ? directory : owner;
    Path recipe = run.resolve("recipe.yaml");
    Path measured = run.resolve("evaluation.json");
    JsonNode evaluation = MissingNode.getInstance();
    if (inRun && Files.isRegularFile(measured)) {
      try {
        evaluation = Texts.json(JSON, Files.readAllBytes(measured));
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException("not valid JSON: " + measured, e);
      }
      String step = directory.getFileName().toString();
      if (!evaluation.path("checkpoint").asText(step).equals(step)) {
        evaluation = MissingNode.getInstance();
      }
    }
    Path last = run.getFileName();
    return new ModelCard(
        checkpoint,
        facts,
        last == null ? HubConfig.TYPE : last.toString(),
        inRun && Files.isRegularFile(recipe)
            ? Optional.of(Recipes.load(recipe.toString(), List.of(), _ -> 1))
            : Optional.empty(),
        evaluation);
  }

  String text() throws IOException {
    ModelConfig model = checkpoint.model();
    StringBuilder text = new StringBuilder();
    text.append("---\n").append(Yaml.write(metadata())).append("---\n\n# ").append(name);
    run.map(RunConfig::about)
        .filter(about -> !about.isBlank())
        .ifPresent(about -> text.append("\n\n").append(about.strip()));
    text.append(
        String.format(
            Locale.ROOT,
            "\n\nA LongNet %s with %,d parameters: %d layers, %d wide, %d heads, %,d token ids, trained on sequences of %,d tokens.\n",
            model.causal() ? "decoder" : "encoder",
            Blueprint.of(model).elements(),
            model.layers(),
            model.hidden(),
            model.heads(),
            model.vocabulary(),
            checkpoint.trainedLength()));
    ObjectNode keys = ModelTree.write(model);
    text.append("What mixes its tokens, as in a recipe:\n\n```yaml\n")
        .append(Yaml.write(keys.retain("attention", "mixers")))
        .append("```\n");
    data(text);
    results(text);
    text.append(
        """

        ## Use

        The weights are safetensors under torchscale's names, the tokenizer is a `tokenizer.json` that `AutoTokenizer` reads.
        `transformers` has no class for this model. LongNet for Java runs it:

        ```
        longnet import hub DIRECTORY --out runs/NAME
        longnet generate runs/NAME --prompt "..."
        ```
        """);
    return text.toString();
  }

  private void data(StringBuilder text) {
    if (run.isEmpty()) {
      return;
    }
    CorpusConfig corpus = run.get().corpus();
    text.append("\n## Training data\n\n");
    // Paths say more of a machine than of the data: their last names do.
    text.append("Sources: ")
        .append(
            corpus.sources().stream()
                .map(source -> "`" + source.path().replaceFirst(".*[/\\\\](?=.)", "") + "`")
                .collect(Collectors.joining(", ")))
        .append(
            String.format(
                Locale.ROOT, "; %s of the documents held out.\n", percent(corpus.validation())));
    checkpoint
        .state()
        .ifPresent(state ->
            text.append(
                String.format(
                    Locale.ROOT,
                    "Trained for %,d steps on %,d tokens, in windows of %,d.\n",
                    state.step(),
                    state.tokens(),
                    run.get().training().window())));
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.4g %%", 100 * share);
  }

  private void results(StringBuilder text) {
    if (!evaluation.path("lengths").isArray()) {
      return;
    }
    text.append(
        String.format(
            Locale.ROOT,
            "\n## Evaluation\n\nOn %,d held-out tokens (%,d bytes), predicted with a context of up to so many tokens:\n\n",
            evaluation.path("tokens").asLong(),
            evaluation.path("bytes").asLong()));
    text.append("| context | perplexity of a token | bits per byte |\n|---:|---:|---:|\n");
    for (JsonNode row : evaluation.path("lengths")) {
      text.append(
          String.format(
              Locale.ROOT,
              "| %,d | %.4f | %.4f |\n",
              row.path("length").asLong(),
              row.path("perplexity").asDouble(Double.NaN),
              row.path("bits_per_byte").asDouble(Double.NaN)));
    }
    JsonNode documents = evaluation.path("documents");
    if (documents.isObject()) {
      text.append(
          String.format(
              Locale.ROOT,
              "\nDocuments, each on its own (%,d): %.4f bits per byte; `gzip -9` takes %.4f.\n",
              documents.path("documents").asLong(),
              documents.path("bits_per_byte").asDouble(Double.NaN),
              documents.path("gzip_bits_per_byte").asDouble(Double.NaN)));
    }
  }

  /// The card's front matter, from which the Hub makes its filters.
  private ObjectNode metadata() {
    ObjectNode tree = JSON.createObjectNode();
    if (!facts.languages().isEmpty()) {
      ArrayNode languages = tree.putArray("language");
      facts.languages().forEach(languages::add);
    }
    facts.license().ifPresent(license -> tree.put("license", license));
    tree.put("library_name", HubConfig.TYPE);
    tree.put("pipeline_tag", checkpoint.model().causal() ? "text-generation" : "fill-mask");
    ArrayNode tags = tree.putArray("tags").add(HubConfig.TYPE);
    checkpoint.model().mixers().stream()
        .map(mixer -> mixer.type() + "-attention")
        .distinct()
        .forEach(tags::add);
    tags.add("long-context");
    if (evaluation.path("lengths").isArray() && !evaluation.path("lengths").isEmpty()) {
      ObjectNode result =
          tree.putArray("model-index")
              .addObject()
              .put("name", name)
              .putArray("results")
              .addObject();
      result.putObject("task").put("type", "text-generation").put("name", "Language modelling");
      result.putObject("dataset").put("type", "held-out").put("name", "held-out documents");
      ArrayNode metrics = result.putArray("metrics");
      for (JsonNode row : evaluation.path("lengths")) {
        metric(metrics, "perplexity", row.path("perplexity"), row.path("length"));
        metric(metrics, "bits_per_byte", row.path("bits_per_byte"), row.path("length"));
      }
    }
    return tree;
  }

  private static void metric(ArrayNode metrics, String type, JsonNode value, JsonNode length) {
    if (value.isNumber()) {
      metrics
          .addObject()
          .put("type", type)
          .put("name", type.replace('_', ' ') + ", context of " + length.asLong() + " tokens")
          .set("value", value);
    }
  }
}
