// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.io.Texts;
import dev.longnet.experiments.MemoryProbe;
import dev.longnet.experiments.UserEnvironment;
import dev.longnet.experiments.attention.Contestant.Inputs;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The PyTorch user's process: what is not ours runs in a JVM of its own, whose environment has
/// none of the variables that keep libtorch's idle threads from spinning beside Java kernels
/// ([UserEnvironment]). The libraries read them when they load: one process cannot have both.
///
/// One request at a time, a line each way. Who waits reads from a pipe and takes no processor time.
/// Close ends the process.
final class UserProcess implements AutoCloseable {
  private final Path folder;
  private final Process process;
  private final BufferedReader answers;
  private final PrintStream requests;

  /// It computes on for minutes when this process is told to end.
  private final Thread atExit = new Thread(this::end);

  UserProcess(BenchSettings settings, int threads) {
    try {
      folder = Files.createTempDirectory("longnet-bench");
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx1g",
                  "--enable-native-access=ALL-UNNAMED",
                  "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
                  "-Dorg.bytedeco.javacpp.maxbytes=0"));
      String cache = System.getProperty("org.bytedeco.javacpp.cachedir");
      if (cache != null) {
        command.add("-Dorg.bytedeco.javacpp.cachedir=" + cache);
      }
      command.addAll(
          List.of(
              "-cp",
              System.getProperty("java.class.path"),
              UserProcess.class.getName(),
              new ObjectMapper().writeValueAsString(settings),
              Integer.toString(threads)));
      process = UserEnvironment.process(command).redirectError(errors().toFile()).start();
    } catch (IOException e) {
      throw new UncheckedIOException("the process of the PyTorch user's version does not start", e);
    }
    answers = process.inputReader(StandardCharsets.UTF_8);
    requests = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  private Path errors() {
    return folder.resolve("errors");
  }

  /// Checks each of them against the float64 oracle on a small problem.
  ///
  /// @throws IllegalStateException when one is wrong
  void verify() {
    ask("verify");
  }

  /// Draws the inputs of a length, the same as in this process, for all that follows.
  void length(long tokens) {
    ask("length " + tokens);
  }

  /// @param number of the contestant in [BenchSettings#others]
  /// @param expected what it must give on the inputs of the length, contiguous
  /// @throws IllegalStateException when it gives something else
  void compare(int number, Tensor expected) {
    Path file = folder.resolve("expected");
    MemorySegment values = TensorMemory.of(expected);
    try (FileChannel channel =
            FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      channel.map(FileChannel.MapMode.READ_WRITE, 0, values.byteSize(), arena).copyFrom(values);
    } catch (IOException e) {
      throw new UncheckedIOException(file.toString(), e);
    }
    ask("compare " + number + " " + file);
  }

  Timing time(int number, int calls) {
    String[] words = ask("time " + number + " " + calls).split(" ");
    return new Timing(
        Double.parseDouble(words[0]),
        Double.parseDouble(words[1]),
        new MemoryProbe(bytes(words[2]), bytes(words[3]), Long.parseLong(words[4])));
  }

  private static OptionalLong bytes(String word) {
    return word.equals("-1") ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(word));
  }

  private String ask(String request) {
    try {
      requests.println(request);
      String answer = answers.readLine();
      if (answer == null) {
        throw new IllegalStateException(
            "the process of the PyTorch user's version ended at \""
                + request
                + "\": "
                + Texts.said(errors()).strip());
      }
      if (!answer.startsWith("ok ")) {
        throw new IllegalStateException(answer);
      }
      return answer.substring(3);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
    process.destroyForcibly().onExit().join();
    for (Path path : List.of(folder.resolve("expected"), errors(), folder)) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        // The system clears it some day.
      }
    }
  }

  // --- the other side
  // ------------------------------------------------------------------------------------------------

  /// @param args the settings as JSON, the number of threads
  public static void main(String[] args) throws IOException {
    BenchSettings settings = new ObjectMapper().readValue(args[0], BenchSettings.class);
    try (TorchThreads _ = Torch.threads(Integer.parseInt(args[1]))) {
      BufferedReader requests =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      Server server = new Server(settings);
      for (String request = requests.readLine(); request != null; request = requests.readLine()) {
        String answer;
        try {
          answer = "ok " + server.answer(request.split(" ", 3));
        } catch (RuntimeException e) {
          answer = e.toString().replaceAll("\\R.*", "");
        }
        System.out.println(answer);
        System.out.flush();
      }
    }
  }

  /// Answers requests; keeps one length's inputs.
  private static final class Server {
    private final BenchSettings settings;
    private PointerScope scope = new PointerScope();
    private List<Contestant> contestants = List.of();

    @SuppressWarnings(
        "NullAway.Init") // made by the request "length", which comes before those that read it
    private Inputs x;

    Server(BenchSettings settings) {
      this.settings = settings;
    }

    String answer(String[] request) {
      return switch (request[0]) {
        case "verify" -> verify();
        case "length" -> length(Long.parseLong(request[1]));
        case "compare" ->
            compare(contestants.get(Integer.parseInt(request[1])), Path.of(request[2]));
        case "time" ->
            time(contestants.get(Integer.parseInt(request[1])), Integer.parseInt(request[2]));
        default -> throw new IllegalArgumentException(String.join(" ", request));
      };
    }

    private String verify() {
      settings
          .small()
          .forEach(small -> Verification.againstOracle(settings.others(small, 0), settings));
      return "";
    }

    private String length(long tokens) {
      scope.close();
      scope = new PointerScope();
      contestants = settings.others(settings.spec(tokens), tokens);
      x = Inputs.random(settings, tokens);
      return "";
    }

    private String compare(Contestant contestant, Path file) {
      try (FileChannel channel = FileChannel.open(file);
          Arena arena = Arena.ofConfined();
          PointerScope inner = new PointerScope()) {
        MemorySegment values = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        Tensor expected =
            TensorMemory.view(
                values,
                ScalarType.Float,
                x.q().size(0),
                x.q().size(1),
                x.q().size(2),
                x.q().size(3));
        Verification.againstEachOther(
            contestant.name(), contestant.forward(x), AttentionBenchmark.OURS, expected);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return "";
    }

    private String time(Contestant contestant, int calls) {
      Timing timing = Timing.of(calls, () -> contestant.time(x, settings.backward()));
      return timing.seconds()
          + " "
          + timing.wall()
          + " "
          + timing.memory().peakBytes().orElse(-1)
          + " "
          + timing.memory().peakResidentBytes().orElse(-1)
          + " "
          + timing.memory().heapBytes();
    }
  }
}
