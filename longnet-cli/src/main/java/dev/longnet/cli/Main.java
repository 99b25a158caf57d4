// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.FieldException;
import dev.longnet.lm.distributed.PeerLostException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/// `longnet`: parses, runs a command, turns what it throws into one line and an exit code: 0 done,
/// 1 the environment lacks something (or a bug: with its stack trace), 2 the user's mistake, 75
/// another rank was lost, 130 stopped by Ctrl-C.
@Command(
    name = "longnet",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "LongNet: train, evaluate and sample Transformers with dilated attention.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      TrainCommand.class,
      EvalCommand.class,
      GenerateCommand.class,
      StreamCommand.class,
      QuantizeCommand.class,
      ReportCommand.class,
      TokenizeCommand.class,
      TokenizerCommand.class,
      InspectCommand.class,
      PlanCommand.class,
      ImportCommand.class,
      ExportCommand.class,
      EncodeCommand.class,
      LogitsCommand.class,
      AttendCommand.class,
      DoctorCommand.class,
      BenchCommand.class,
      ReproduceCommand.class,
      CompletionCommand.class,
    },
    footer = {
      "",
      "First steps:",
      "  longnet doctor                  is this machine ready?",
      "  longnet train                   the quickstart: a model of Java code in about 5 minutes",
      "  longnet eval RUN                its perplexity at several lengths, against gzip",
      "  longnet generate RUN --prompt 'public class '",
      "",
      "longnet COMMAND --help shows a command's options and examples."
    })
public final class Main implements Runnable {
  /// What libtorch says when a GPU's or the CPU's memory is full.
  private static final Pattern OUT_OF_MEMORY =
      Pattern.compile("CUDA out of memory|DefaultCPUAllocator: (not enough|can't allocate) memory");

  /// Says which decoder of gzip it takes, which is no user's business. Held, or it is forgotten.
  private static final Logger HARDWOOD = Logger.getLogger("dev.hardwood");

  @Spec CommandSpec spec;

  private Main() {}

  public static void main(String[] args) {
    StandardError.takeOver();
    // Log lines (which kernel, which threads) read like the rest of standard error, without dates
    // and class names.
    System.setProperty("java.util.logging.SimpleFormatter.format", "longnet: %5$s%6$s%n");
    HARDWOOD.setLevel(Level.WARNING);
    if (JdkFault.affects(Runtime.version()) && JdkFault.collectsWithG1()) {
      System.err.println("longnet: JDK " + Runtime.version() + ": " + JdkFault.REMEDY);
      System.exit(1);
    }
    int code = run(commandLine(), args);
    if (RankGroup.joined()) {
      // Native threads may wait for other ranks for good, and their library's destructors for them.
      System.out.flush();
      System.err.flush();
      Runtime.getRuntime().halt(code);
    }
    System.exit(code);
  }

  /// As [CommandLine#execute], for errors too (picocli lets those pass).
  static int run(CommandLine line, String... args) {
    try {
      Optional<String> lost =
          lostCharacters("an argument", System.getProperty("sun.jnu.encoding"), args)
              .or(() ->
                  lostCharacters(
                      "the current directory",
                      System.getProperty("sun.jnu.encoding"),
                      System.getProperty("user.dir")));
      if (lost.isPresent()) {
        return print(line.getErr(), 1, lost.get());
      }
      int code = line.execute(args);
      return code == 0 && StandardOutput.lost(line.getOut())
          ? print(line.getErr(), 1, StandardOutput.LOST)
          : code;
    } catch (Error e) {
      int code = report(e, line.getCommandSpec(), line.getErr());
      line.getErr().flush();
      return code;
    }
  }

  /// Java decodes arguments and file names by the locale's charset. In one that has ASCII alone,
  /// every other byte is U+FFFD, and what the user typed is lost.
  ///
  /// @param what has them: an argument
  /// @return what to do about it; empty where nothing is lost
  static Optional<String> lostCharacters(String what, @Nullable String charset, String... args) {
    if (charset == null || charset.equalsIgnoreCase("UTF-8")) {
      return Optional.empty();
    }
    return Stream.of(args)
        .filter(word -> word.indexOf('\uFFFD') >= 0)
        .findFirst()
        .map(word ->
            "the locale's charset "
                + charset
                + " cannot express "
                + what
                + ": set LC_ALL=C.UTF-8 (or another UTF-8 locale): "
                + word);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  static CommandLine commandLine() {
    CommandLine line = new CommandLine(new Main());
    line.setExecutionExceptionHandler((e, cmd, parsed) -> {
      PrintWriter err = cmd.getErr();
      int code = report(e, cmd.getCommandSpec(), err);
      err.flush();
      return code;
    });
    line.setParameterExceptionHandler((e, rawArgs) -> {
      CommandLine cmd = e.getCommandLine();
      PrintWriter err = cmd.getErr();
      err.println(
          "longnet: "
              + oneLine(mistake(e))
              + " (see "
              + cmd.getCommandSpec().qualifiedName()
              + " --help)");
      err.flush();
      return 2;
    });
    line.registerConverter(Long.class, WholeNumber::parseLong);
    line.registerConverter(long.class, WholeNumber::parseLong);
    line.registerConverter(Integer.class, WholeNumber::parseInt);
    line.registerConverter(int.class, WholeNumber::parseInt);
    line.registerConverter(Double.class, DecimalNumber::parse);
    line.registerConverter(double.class, DecimalNumber::parse);
    line.registerConverter(Path.class, Main::path);
    // Texts are taken as they are: picocli would replace @FILE by the file's words, and @@ by @.
    line.setExpandAtFiles(false);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setUsageHelpAutoWidth(true);
    line.setUsageHelpWidth(100);
    line.setUsageHelpLongOptionsMaxWidth(36);
    return line;
  }

  /// An empty path would be the current directory: a variable of a script that was not set.
  private static Path path(String text) {
    if (text.isEmpty()) {
      throw new TypeConversionException("a path must not be empty");
    }
    return Path.of(text);
  }

  private static @Nullable String mistake(ParameterException e) {
    if (e instanceof UnmatchedArgumentException unmatched) {
      String word = unmatched.getUnmatched().getFirst();
      boolean command = !word.startsWith("-") && !e.getCommandLine().getSubcommands().isEmpty();
      List<String> near = unmatched.getSuggestions();
      return String.format(
          Locale.ROOT,
          "unknown %s '%s'%s",
          command ? "command" : word.startsWith("-") ? "option" : "argument",
          word,
          near.isEmpty() ? "" : ", did you mean " + String.join(" or ", near) + "?");
    }
    return e.getMessage();
  }

  /// @param running the command that failed
  static int report(Throwable e, CommandSpec running, PrintWriter err) {
    Flags flags = new Flags(running);
    Throwable cause =
        e instanceof UncheckedIOException io ? Objects.requireNonNull(io.getCause()) : e;
    return switch (cause) {
      case FieldException user -> print(err, 2, user.message(flags::of));
      case IllegalArgumentException user -> print(err, 2, user.getMessage());
      case EnvironmentException environment -> print(err, 1, environment.message(flags::of));
      case PeerLostException lost ->
          print(err, PeerLostException.EXIT_CODE, lost.message(flags::of));
      case IOException full when EnvironmentException.isNoMoreFiles(full.getMessage()) -> {
        String where = full instanceof FileSystemException at ? at.getFile() : "";
        yield print(err, 1, EnvironmentException.noMoreFiles(where));
      }
      // What starts processes for the JDK can't open its own libraries.
      case IOException spawn
          when String.valueOf(spawn.getMessage()).contains("exec spawn helper") ->
          print(
              err,
              1,
              "another process can't be started: raise the limits of open files and processes"
                  + " (ulimit -n 4096, ulimit -u 4096)");
      case NoSuchFileException missing ->
          print(err, 2, "no such file or directory: " + missing.getFile());
      case NotDirectoryException file -> print(err, 2, "not a directory: " + file.getFile());
      case FileAlreadyExistsException exists ->
          print(err, 2, "file exists already: " + exists.getFile());
      case AccessDeniedException denied -> print(err, 2, "permission denied: " + denied.getFile());
      case FileSystemException disk when disk.getReason() != null ->
          print(err, 1, disk.getReason() + ": " + disk.getFile());
      case IOException io -> print(err, 1, io.getMessage());
      case OutOfMemoryError memory ->
          print(
              err,
              1,
              "out of memory ("
                  + memory.getMessage()
                  + "): try a smaller input or LONGNET_JAVA_OPTS=-Xmx8g");
      case RuntimeException libtorch
          when OUT_OF_MEMORY.matcher(String.valueOf(libtorch.getMessage())).find() ->
          print(
              err,
              1,
              "out of memory ("
                  + String.valueOf(libtorch.getMessage()).lines().findFirst().orElse("")
                  + "): try less at once, e.g. "
                  + "runtime.activation_checkpointing=true, a shorter training.window or a smaller runtime.loss_chunk");
      default -> {
        err.println("longnet: internal error, please report it: " + cause);
        cause.printStackTrace(err);
        yield 1;
      }
    };
  }

  private static int print(PrintWriter err, int code, @Nullable String message) {
    err.println("longnet: " + oneLine(message));
    return code;
  }

  /// Names in it may come from untrusted archives: no control characters and none that turn the
  /// direction of writing reach the terminal.
  static String oneLine(@Nullable String message) {
    return message == null
        ? "(no message)"
        : message
            .strip()
            .replaceAll("\\s*\\R\\s*|\t", " ")
            .replaceAll("[\\p{Cntrl}\\x80-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]", "?");
  }
}
