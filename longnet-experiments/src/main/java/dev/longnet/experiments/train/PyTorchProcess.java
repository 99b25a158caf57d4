// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import dev.longnet.experiments.UserEnvironment;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;

/// PyTorch taking training steps of a model in a Python of its own, which waits for a request while
/// this process computes. One request at a time, a line each way. Close ends it.
final class PyTorchProcess implements AutoCloseable {
  private static final String SCRIPT = "pytorch_step.py";

  /// PyTorch's two ways to run one model.
  enum Variant {
    EAGER("eager"),
    COMPILED("compiled");

    final String word;

    Variant(String word) {
      this.word = word;
    }
  }

  /// A request that PyTorch could not do, in one line.
  static final class FailedException extends Exception {
    private static final long serialVersionUID = 1L;

    FailedException(String message) {
      super(message);
    }
  }

  private final ObjectMapper json = new ObjectMapper();
  private final Path folder;
  private final Process process;
  private final BufferedReader answers;
  private final PrintStream requests;
  private final String versions;

  /// It computes on for minutes when this process is told to end.
  private final Thread atExit = new Thread(this::end);

  /// @param python its command
  /// @param parameters of the model before its first update, with their names
  /// @param tokens [1, N+1] int64
  PyTorchProcess(String python, RunConfig config, Map<String, Tensor> parameters, Tensor tokens)
      throws IOException, FailedException {
    folder = Files.createTempDirectory("longnet-bench");
    try (InputStream script =
        Objects.requireNonNull(PyTorchProcess.class.getResourceAsStream(SCRIPT), SCRIPT)) {
      AtomicFiles.writeString(
          folder.resolve(SCRIPT), new String(script.readAllBytes(), StandardCharsets.UTF_8));
    }
    PyTorchModel.write(model(), config, parameters, tokens);
    process =
        UserEnvironment.process(
                List.of(python, folder.resolve(SCRIPT).toString(), model().toString()))
            .redirectError(errors().toFile())
            .start();
    Runtime.getRuntime().addShutdownHook(atExit);
    answers = process.inputReader(StandardCharsets.UTF_8);
    requests = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
    try {
      JsonNode first = answer();
      versions =
          String.format(
              Locale.ROOT,
              "PyTorch %s, Python %s, %d threads",
              first.path("torch").asText(),
              first.path("python").asText(),
              first.path("threads").asInt());
    } catch (FailedException e) {
      close();
      throw e;
    }
  }

  private Path model() {
    return folder.resolve("model.safetensors");
  }

  private Path errors() {
    return folder.resolve("errors");
  }

  /// PyTorch's, Python's, and the threads.
  String versions() {
    return versions;
  }

  /// The loss of the weights as they are, nats; what is to be compiled is.
  double loss(Variant variant) throws FailedException {
    return ask("check " + variant.word).path("loss").asDouble(Double.NaN);
  }

  /// @param seconds a step
  /// @param losses a step, before its update
  record Steps(List<Double> seconds, List<Double> losses) {}

  Steps steps(Variant variant, int count) throws FailedException {
    JsonNode answer = ask(String.format(Locale.ROOT, "steps %s %d", variant.word, count));
    return new Steps(numbers(answer.path("seconds")), numbers(answer.path("losses")));
  }

  private static List<Double> numbers(JsonNode array) {
    List<Double> numbers = new ArrayList<>();
    array.forEach(number -> numbers.add(number.asDouble(Double.NaN)));
    return numbers;
  }

  private JsonNode ask(String request) throws FailedException {
    requests.println(request);
    return answer();
  }

  private JsonNode answer() throws FailedException {
    try {
      String line = answers.readLine();
      if (line == null) {
        throw new FailedException("its process ended: " + lastError());
      }
      JsonNode answer = json.readTree(line);
      if (answer.has("error")) {
        throw new FailedException(firstLine(answer.path("error").asText()));
      }
      return answer;
    } catch (JsonProcessingException e) {
      throw new FailedException("its answer is no JSON: " + Texts.reason(e));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String firstLine(String text) {
    return text.strip().lines().findFirst().orElse("no reason given").strip();
  }

  private String lastError() throws IOException {
    return Texts.said(errors())
        .strip()
        .lines()
        .reduce((_, last) -> last)
        .orElse("it said nothing")
        .strip();
  }

  @Override
  public void close() {
    end();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException e) {
      // It is running: this process ends.
    }
  }

  /// What is left in the temporary folder costs no one a finished benchmark.
  private void end() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly().onExit().join();
    for (Path path : List.of(model(), errors(), folder.resolve(SCRIPT), folder)) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        // The system clears it some day.
      }
    }
  }
}
