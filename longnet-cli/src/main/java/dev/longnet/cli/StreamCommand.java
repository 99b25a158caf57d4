// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.stream.StateFile;
import dev.longnet.core.stream.StreamInput;
import dev.longnet.core.stream.StreamReport;
import dev.longnet.core.stream.StreamRun;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingCheckpoint;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet stream`: perplexity along a text of any length, in a state of fixed size.
@Command(
    name = "stream",
    description =
        "Reads a text of any length through a model: perplexity, speed and memory along it, a state to go on from.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A dilated model keeps the live segment of each branch, so memory stays where it is; "
          + "dense and sparse models keep a",
      "cache that grows with the text. Ctrl-C saves the state; --load-state of a state saved "
          + "while reading the same input",
      "goes on in its middle, any other one is the context that the input follows. The same "
          + "input: files before the place",
      "have their paths (as given) and lengths, the file at the place begins with what was "
          + "read of it. A file that was read",
      "to its end and has grown since, such as a log, goes on where it ended; of JSON lines with --format text.",
      "",
      "Examples:",
      "  longnet stream runs/quickstart --input server.log --save-state log.state",
      "  longnet stream runs/quickstart --input server.log --load-state log.state --save-state log.state",
      "  longnet stream runs/quickstart --input src --suffix .java --save-state src.state --json src.json",
      "  longnet stream runs/quickstart --input src --suffix .java --load-state src.state --save-state src.state",
      "  longnet generate runs/quickstart --load-state src.state --prompt '/// Returns '"
    })
final class StreamCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "A run or a checkpoint, float32 or int8.")
  Path run;

  @Option(
      names = "--input",
      paramLabel = "FILE",
      arity = "1..*",
      required = true,
      description =
          "Files, directories, archives, tables, compressed or not, read in this order; hidden files and archives in "
              + "directories are left out, and what this command saves.")
  List<Path> inputs;

  @Option(
      names = "--suffix",
      paramLabel = "TEXT",
      description = "Of directories and archives, only files whose names end so, such as .java.")
  String suffix = "";

  @Option(
      names = "--repeat",
      description = "Begin the input anew at its end, for ever; give --max-tokens.")
  boolean repeat;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Stop when the stream has read N tokens in all (default: at the input's end).")
  @Nullable Long maxTokens;

  @Option(
      names = "--report-every",
      paramLabel = "N",
      description = "Tokens between two lines (default: ${DEFAULT-VALUE}).")
  long reportEvery = 100_000;

  @Option(
      names = "--json",
      paramLabel = "F",
      description =
          "Write every report to this file, at every save and at the end; a stream that goes "
              + "on keeps its earlier ones.")
  @Nullable Path json;

  @Option(
      names = "--save-state",
      paramLabel = "F",
      description = "Save the state here, every --save-every tokens and at the end.")
  @Nullable Path saveState;

  @Option(
      names = "--save-every",
      paramLabel = "M",
      description = "Tokens between two saves of state and reports (default: ${DEFAULT-VALUE}).")
  long saveEvery = 1_000_000;

  @Option(
      names = "--load-state",
      paramLabel = "F",
      description = "Start from this state instead of an empty one.")
  @Nullable Path loadState;

  @Mixin FileOptions files;
  @Mixin StreamComputeOptions compute;

  @Override
  public Integer call() throws IOException {
    if (repeat && maxTokens == null) {
      throw new IllegalArgumentException("--repeat never ends: give --max-tokens");
    }
    AtomicFiles.check("--save-state", saveState);
    AtomicFiles.check("--json", json);
    Checkpoint checkpoint = Checkpoint.resolve(run);
    PrintWriter out = spec.commandLine().getOut();
    try (StreamingCheckpoint model = StreamingCheckpoint.open(checkpoint, compute.options());
        StreamSession session = model.model().newSession();
        StreamInput input =
            new StreamInput(
                inputs,
                suffix,
                model.tokenizer(),
                repeat,
                own(),
                files.of(inputs.getFirst().toString()),
                files.policy())) {
      StreamJson results = new StreamJson(json, model.model(), inputs);
      tell(input, out);
      StreamDisplay display = new StreamDisplay(out, input.totalBytes(), repeat, maxTokens);
      StreamRun.Plan plan =
          new StreamRun.Plan(
              maxTokens == null ? Long.MAX_VALUE : maxTokens,
              reportEvery,
              report -> {
                results.add(report);
                display.show(report);
              },
              saveState,
              saveEvery,
              results::write);
      StateFile.Loaded loaded = loadState == null ? null : StateFile.load(loadState, model.model());
      try (StreamState state = loaded == null ? model.model().newStream() : loaded.state()) {
        if (maxTokens != null && maxTokens < state.position()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "--max-tokens counts the state's tokens too and must not be below them: --max-tokens=%d, state=%d",
                  maxTokens,
                  state.position()));
        }
        StreamRun stream = new StreamRun(session, input, state);
        boolean resumed = loaded != null && stream.resume(loaded.notes());
        if (resumed) {
          results.keep(state.position());
        }
        display.start(
            model.model(),
            state,
            !resumed
                ? "this input follows them"
                : stream.atEnd()
                    ? "this input is read to its end already"
                    : "in the middle of this input");
        try (StopOnInterrupt _ = StopOnInterrupt.install(stream::requestStop)) {
          StreamReport last = stream.run(plan);
          results.write(last);
          if (stream.stopRequested()) {
            out.println(
                saveState == null
                    ? "stopped; nothing was saved, give --save-state F to be able to go on"
                    : "stopped and saved; go on with --load-state " + saveState);
            out.flush();
            return StopOnInterrupt.EXIT_CODE;
          }
          display.end(last);
        }
      }
    }
    return 0;
  }

  private static void tell(StreamInput input, PrintWriter out) {
    if (!input.readAs().keySet().equals(Set.of("text"))) {
      ShardsSummary.readAs(input.readAs(), "", out);
    }
    input.leftOut().stream()
        .limit(3)
        .forEach(line -> out.println("left out: " + ShardsSummary.printable(line)));
    if (input.leftOut().size() > 3) {
      out.printf(Locale.ROOT, "left out: %,d more%n", input.leftOut().size() - 3);
    }
  }

  /// What this command writes is no input of it, where a directory holds both.
  private List<Path> own() {
    return Stream.of(saveState, loadState, json).filter(Objects::nonNull).toList();
  }
}
