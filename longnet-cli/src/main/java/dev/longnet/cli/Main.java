package dev.longnet.cli;

import dev.longnet.lm.io.EnvironmentException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// `longnet`: parses, runs a command, turns what it throws into one line and an exit code:
/// 0 done, 1 the environment lacks something (or a bug: with its stack trace), 2 the user's mistake.
@Command(
    name = "longnet",
    mixinStandardHelpOptions = true,
    version = "longnet 0.1.0-SNAPSHOT",
    description = "LongNet: train, evaluate and sample Transformers with dilated attention.",
    subcommands = {})
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    CommandLine line = new CommandLine(new Main());
    line.setExecutionExceptionHandler(
        (e, cmd, parsed) -> {
          PrintWriter err = cmd.getErr();
          int code = report(e, err);
          err.flush();
          return code;
        });
    line.setParameterExceptionHandler(
        (e, rawArgs) -> {
          CommandLine cmd = e.getCommandLine();
          PrintWriter err = cmd.getErr();
          err.println("longnet: " + oneLine(e.getMessage()) + " (see " + cmd.getCommandSpec().qualifiedName() + " --help)");
          err.flush();
          return 2;
        });
    line.setCaseInsensitiveEnumValuesAllowed(true);
    return line;
  }

  static int report(Throwable e, PrintWriter err) {
    Throwable cause = e instanceof UncheckedIOException io ? io.getCause() : e;
    return switch (cause) {
      case IllegalArgumentException user -> print(err, 2, user.getMessage());
      case EnvironmentException environment -> print(err, 1, environment.getMessage());
      case NoSuchFileException missing -> print(err, 2, "no such file or directory: " + missing.getFile());
      case NotDirectoryException file -> print(err, 2, "not a directory: " + file.getFile());
      case FileAlreadyExistsException exists -> print(err, 2, "file exists already: " + exists.getFile());
      case AccessDeniedException denied -> print(err, 2, "permission denied: " + denied.getFile());
      case FileSystemException disk when disk.getReason() != null -> print(err, 1, disk.getReason() + ": " + disk.getFile());
      case IOException io -> print(err, 1, io.getMessage());
      default -> {
        err.println("longnet: internal error, please report it: " + cause);
        cause.printStackTrace(err);
        yield 1;
      }
    };
  }

  private static int print(PrintWriter err, int code, String message) {
    err.println("longnet: " + oneLine(message));
    return code;
  }

  private static String oneLine(String message) {
    return message == null ? "(no message)" : message.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
