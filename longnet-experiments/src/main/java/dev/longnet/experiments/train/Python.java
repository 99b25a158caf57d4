// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.experiments.UserEnvironment;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A Python that may import PyTorch. This project never needs one: it is only compared with.
///
/// @param command a path, or a name on the path
/// @param missing why PyTorch's figures cannot be had from it; empty where they can, a blank text
///   where nobody wants them
public record Python(String command, Optional<String> missing) {
  /// The environment variable that names a Python.
  public static final String VARIABLE = "LONGNET_PYTHON";

  /// What `--python` is given to compare with nothing.
  public static final String NONE = "none";

  private static final long SECONDS = 120;

  /// @param asked by the user; null: the variable's, else `python3`
  /// @throws FieldException when PyTorch cannot be had from the one that was asked for
  public static Python find(@Nullable String asked) {
    return find(asked, System.getenv(VARIABLE));
  }

  static Python find(@Nullable String asked, @Nullable String variable) {
    String command = asked != null ? asked : variable != null ? variable : "python3";
    if (command.equals(NONE)) {
      return new Python(command, Optional.of(""));
    }
    Optional<String> missing = problem(command);
    if (asked != null && missing.isPresent()) {
      throw new FieldException(
          "%s must be a Python that imports torch, or none: %s (%s)",
          Field.of("python"), Field.of("python", asked), missing.get());
    }
    return new Python(
        command,
        missing.map(why ->
            String.format(
                Locale.ROOT,
                "%s does not import torch (%s); --python or %s names one that does",
                command,
                why,
                VARIABLE)));
  }

  private static Optional<String> problem(String command) {
    try {
      Process process =
          UserEnvironment.process(List.of(command, "-W", "ignore", "-c", "import torch"))
              .redirectErrorStream(true)
              .start();
      process.getOutputStream().close();
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().onExit().join();
        return Optional.of("it takes more than " + SECONDS + " seconds");
      }
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.exitValue() == 0
          ? Optional.empty()
          : Optional.of(
              said.strip().lines().reduce((_, last) -> last).orElse("it said nothing").strip());
    } catch (IOException e) {
      return Optional.of("it does not start");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted");
    }
  }
}
