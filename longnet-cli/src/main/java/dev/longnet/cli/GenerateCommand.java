// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.stream.DocumentTokens;
import dev.longnet.core.stream.GeneratedText;
import dev.longnet.core.stream.Generator;
import dev.longnet.core.stream.PromptText;
import dev.longnet.core.stream.Sampler;
import dev.longnet.core.stream.StateFile;
import dev.longnet.core.stream.StreamReader;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingCheckpoint;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet generate`: continues a prompt, printed as it comes.
@Command(
    name = "generate",
    description = "Continues a prompt; the text appears as it is generated.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Without a prompt the model begins a document of its own. The text goes to standard "
          + "output, all else to standard error.",
      "",
      "Examples:",
      "  longnet generate runs/quickstart --prompt 'public class ' --max-tokens 400",
      "  longnet generate runs/quickstart --prompt-file Main.java --temperature 0",
      "  longnet generate runs/quickstart --top-k 40 --top-p 0.95 --seed 7",
      "  longnet stream runs/quickstart --input src --save-state src.state",
      "  longnet generate runs/quickstart --load-state src.state --prompt '/// Returns '"
    })
final class GenerateCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "A run or a checkpoint.")
  Path run;

  @ArgGroup @Nullable Prompt prompt;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Stop after this many (default: ${DEFAULT-VALUE}).")
  long maxTokens = 256;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description =
          "Below 1 safer, above 1 wilder; 0: always the likeliest token (default: ${DEFAULT-VALUE}).")
  double temperature = 0.8;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Draw from the K likeliest tokens; 0: from all (default: ${DEFAULT-VALUE}).")
  int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Draw from the fewest tokens whose probability reaches P (default: ${DEFAULT-VALUE}).")
  double topP = 0.95;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "The same seed gives the same text (default: another each time).")
  @Nullable Long seed;

  @Option(
      names = "--load-state",
      paramLabel = "F",
      description =
          "Go on from a context read earlier (longnet stream --save-state, or generate's); "
              + "the prompt, if any, follows it.")
  @Nullable Path loadState;

  @Option(
      names = "--save-state",
      paramLabel = "F",
      description = "Save the context at the end: what was read and generated.")
  @Nullable Path saveState;

  @Mixin FileOptions files;
  @Mixin StreamComputeOptions compute;

  /// At most one of the two.
  static final class Prompt {
    @Option(names = "--prompt", paramLabel = "TEXT", description = "The text to continue.")
    @Nullable String text;

    @Option(
        names = "--prompt-file",
        paramLabel = "FILE",
        description =
            "A file to continue, unpacked where it is compressed; - for standard input, as it is; not printed again.")
    @Nullable Path file;
  }

  @Override
  public Integer call() throws IOException {
    long usedSeed = seed == null ? ThreadLocalRandom.current().nextLong(1, 1_000_000) : seed;
    Sampler sampler = Sampler.of(temperature, topK, topP, usedSeed);
    if (maxTokens < 1) {
      throw new IllegalArgumentException(
          "--max-tokens must be positive: --max-tokens=" + maxTokens);
    }
    AtomicFiles.check("--save-state", saveState);
    Checkpoint checkpoint = Checkpoint.resolve(run);
    try (InputStream text = prompt();
        StreamingCheckpoint model = StreamingCheckpoint.open(checkpoint, compute.options());
        StreamSession session = model.model().newSession()) {
      return generate(model, session, text, sampler, usedSeed);
    }
  }

  private int generate(
      StreamingCheckpoint model,
      StreamSession session,
      InputStream text,
      Sampler sampler,
      long usedSeed)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Tokenizer tokenizer = model.tokenizer();
    Context context = context(model);
    try (StreamReader stream = new StreamReader(session, context.state())) {
      if (prompt != null && prompt.text != null) {
        out.print(prompt.text);
        out.flush();
      }
      AtomicBoolean stop = new AtomicBoolean();
      // Ctrl-C ends prompt or text where it is; what was asked to be saved is.
      try (StopOnInterrupt _ = StopOnInterrupt.install(() -> stop.set(true))) {
        long start = System.nanoTime();
        PromptReader reader =
            new PromptReader(session, stream.state(), context.text(), err, stop::get);
        reader.read(
            context.middle()
                ? DocumentTokens.continuing(text, tokenizer)
                : new DocumentTokens(text, tokenizer),
            tokenizer.endOfText());
        if (stop.get()) {
          return stoppedInPrompt(stream.state(), tokenizer, reader, err);
        }
        float[] logits = stream.read(new int[0]);
        double promptSeconds = (System.nanoTime() - start) / 1e9;
        Generator generator =
            new Generator(sampler.over(tokenizer), maxTokens, tokenizer.endOfText());
        start = System.nanoTime();
        write(generator, stream, logits, context.text(), out, stop);
        double seconds = (System.nanoTime() - start) / 1e9;
        if (saveState != null) {
          // Whoever goes on from here goes on after the last token, or after the text's end.
          session.read(stream.state(), new int[] {generator.last()}, 0, 1);
          StateFile.save(
              saveState, stream.state(), GeneratedText.note(tokenizer, generator.last()));
        }
        Generator.End end = generator.end().orElseThrow();
        err.printf(
            Locale.ROOT,
            "%,d tokens (%s) in %.1f s: %.1f tokens/s; prompt of %,d tokens in %.2f s; seed %d%n",
            generator.tokens(),
            switch (end) {
              case END_OF_TEXT -> "the text ended";
              case MAX_TOKENS -> "--max-tokens";
              case STOPPED -> "stopped";
            },
            seconds,
            generator.tokens() / Math.max(seconds, 1e-9),
            reader.tokens(),
            promptSeconds,
            usedSeed);
        err.flush();
        return end == Generator.End.STOPPED ? StopOnInterrupt.EXIT_CODE : 0;
      }
    }
  }

  private int stoppedInPrompt(
      StreamState state, Tokenizer tokenizer, PromptReader reader, PrintWriter err)
      throws IOException {
    if (saveState != null) {
      Map<String, String> notes =
          reader.last().isPresent()
              ? GeneratedText.note(tokenizer, reader.last().getAsInt())
              : Map.of();
      StateFile.save(saveState, state, notes);
    }
    err.printf(
        Locale.ROOT,
        "stopped after %,d tokens of the prompt%s%n",
        reader.tokens(),
        saveState == null
            ? "; nothing was saved, give --save-state F to be able to go on"
            : " and saved; go on with --load-state " + saveState + " and the rest of the prompt");
    err.flush();
    return StopOnInterrupt.EXIT_CODE;
  }

  /// Prints the text as it comes, until it ends or someone stops it.
  private static void write(
      Generator generator,
      StreamReader stream,
      float[] logits,
      GeneratedText text,
      PrintWriter out,
      AtomicBoolean stop) {
    OptionalInt token = generator.next(logits);
    while (token.isPresent()) {
      int[] chosen = {token.getAsInt()};
      out.print(text.next(chosen[0]));
      StandardOutput.flush(out);
      if (stop.get()) {
        generator.stop();
      }
      token = generator.ended() ? OptionalInt.empty() : generator.next(stream.read(chosen));
    }
    out.println(text.end());
    out.flush();
  }

  private InputStream prompt() throws IOException {
    Path file = prompt == null ? null : prompt.file;
    if (file == null) {
      String text = prompt == null || prompt.text == null ? "" : prompt.text;
      return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }
    if (Files.isDirectory(file)) {
      throw new IllegalArgumentException("--prompt-file must be a file, not a directory: " + file);
    }
    return file.toString().equals("-")
        ? System.in
        : PromptText.open(file, files.of(file.toString()), files.policy());
  }

  /// What was read before the prompt.
  ///
  /// @param text in which the generated tokens stand
  /// @param middle whether it is the middle of a text
  private record Context(StreamState state, GeneratedText text, boolean middle) {}

  private Context context(StreamingCheckpoint model) throws IOException {
    GeneratedText text = new GeneratedText(model.tokenizer());
    if (loadState == null) {
      return new Context(model.model().newStream(), text, false);
    }
    StateFile.Loaded loaded = StateFile.load(loadState, model.model());
    return new Context(loaded.state(), text, text.resume(loaded.notes()));
  }
}
