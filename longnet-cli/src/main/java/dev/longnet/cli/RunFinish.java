package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.EvaluationConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.SampleConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.evaluate.Evaluation;
import dev.longnet.core.evaluate.Evaluator;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.stream.Generator;
import dev.longnet.core.stream.NextToken;
import dev.longnet.core.stream.Sampler;
import dev.longnet.core.stream.TextStream;
import dev.longnet.experiments.report.RunReport;
import dev.longnet.lm.inference.LoadedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// What follows the last step of a run: perplexity by length and against gzip, a sample, the
/// report.
final class RunFinish {
  private final RunConfig config;
  private final Path run;
  private final TokenShards shards;
  private final PrintWriter out;

  RunFinish(RunConfig config, Path run, TokenShards shards, PrintWriter out) {
    this.config = config;
    this.run = run;
    this.shards = shards;
    this.out = out;
  }

  /// Writes `evaluation.json`, `sample.txt` and `report.html`.
  void write() throws IOException {
    Checkpoint checkpoint = Checkpoint.resolve(run);
    checkpoint.state().ifPresent(state -> untrainedBranches(state.step()));
    try (LoadedModel model = LoadedModel.open(checkpoint, config.runtime())) {
      evaluate(model, checkpoint);
      sample(model);
    }
    out.println("report       " + RunReport.write(run));
    out.flush();
  }

  /// A run that stopped early may have branches that no step has seen; the model has them all the
  /// same.
  private void untrainedBranches(long steps) {
    int all = config.model().branches();
    int trained = config.training().branches(Math.max(0, steps - 1), all);
    if (trained < all) {
      out.printf(
          Locale.ROOT,
          "note         stopped at step %,d, before all branches joined (training.branch_starts): %d of %d were trained, what follows uses all%n",
          steps,
          trained,
          all);
      out.flush();
    }
  }

  private void evaluate(LoadedModel model, Checkpoint checkpoint) throws IOException {
    EvaluationConfig wanted = config.evaluation();
    TokenSplit held = shards.validation();
    Map<Boolean, List<Long>> fit =
        wanted.lengths().stream()
            .sorted()
            .distinct()
            .collect(Collectors.partitioningBy(l -> l < held.size()));
    List<Long> lengths = fit.get(true);
    if (lengths.isEmpty()) {
      out.printf(
          Locale.ROOT,
          "evaluation   none: %,d held-out tokens are fewer than evaluation.lengths=%s%n",
          held.size(),
          wanted.lengths());
      return;
    }
    if (!fit.get(false).isEmpty()) {
      out.printf(
          Locale.ROOT,
          "note         evaluation.lengths %s are left out: %,d tokens are held out%n",
          fit.get(false),
          held.size());
    }
    Evaluator evaluator = new Evaluator(model.scorer(), model.tokenizer());
    long tokens = Evaluator.scoredTokens(held, lengths, wanted.tokens());
    long bytes = evaluator.textBytes(held, tokens);
    List<Evaluation.AtLength> rows = new ArrayList<>();
    for (long length : lengths) {
      Evaluation.AtLength at = evaluator.atLength(held, length, tokens);
      rows.add(at);
      out.printf(
          Locale.ROOT,
          "validation   context %,d: perplexity %.4f, %.4f bits/byte%n",
          length,
          at.perplexity(),
          at.bitsPerByte());
      out.flush();
    }
    Evaluation.Documents documents =
        evaluator.documents(held, config.training().window(), wanted.documentTokens());
    out.printf(
        Locale.ROOT,
        "gzip         %,d held-out documents, each on its own: this model %.4f bits/byte, gzip -9 %.4f%n",
        documents.documents(),
        documents.bitsPerByte(),
        documents.gzipBitsPerByte());
    out.flush();
    var json = new Evaluation(tokens, bytes, rows, Optional.of(documents)).toJson();
    json.put("checkpoint", checkpoint.directory().getFileName().toString());
    checkpoint.state().ifPresent(s -> json.put("step", s.step()));
    AtomicFiles.writeString(run.resolve("evaluation.json"), json.toPrettyString() + "\n");
  }

  private void sample(LoadedModel model) throws IOException {
    SampleConfig wanted = config.sample();
    if (wanted.tokens() == 0) {
      return;
    }
    Tokenizer tokenizer = model.tokenizer();
    int[] prompt = tokenizer.encode(wanted.prompt().getBytes(StandardCharsets.UTF_8));
    int[] beginning = new int[prompt.length + 1];
    beginning[0] = tokenizer.endOfText();
    System.arraycopy(prompt, 0, beginning, 1, prompt.length);
    Sampler sampler = Sampler.of(wanted.temperature(), wanted.topK(), wanted.topP(), wanted.seed());
    TextStream characters = new TextStream();
    StringBuilder text = new StringBuilder(wanted.prompt());
    try (NextToken stream = model.nextToken()) {
      Generator.generate(
          stream,
          sampler,
          stream.read(beginning),
          wanted.tokens(),
          tokenizer.endOfText(),
          token -> text.append(characters.add(tokenizer.decode(new int[] {token}))));
    }
    text.append(characters.end());
    AtomicFiles.writeString(run.resolve("sample.txt"), text + "\n");
    out.println("sample:");
    text.toString().lines().forEach(line -> out.println("  | " + line));
    out.flush();
  }
}
