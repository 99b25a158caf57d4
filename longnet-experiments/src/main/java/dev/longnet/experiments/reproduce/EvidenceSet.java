// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.experiments.results.Measured;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The evidence in a folder, one file a run.
public final class EvidenceSet {
  /// The tokenizer that the runs share, where they have one that was learned for them: what was
  /// measured with one cannot be compared with what another gave.
  private static final String TOKENIZER = "tokenizer.json";

  private final Path folder;
  private final Map<String, Evidence> all = new TreeMap<>();

  private EvidenceSet(Path folder) {
    this.folder = folder;
  }

  /// @param folder need not exist
  /// @throws IllegalArgumentException when a file in it is damaged
  public static EvidenceSet read(Path folder) throws IOException {
    EvidenceSet set = new EvidenceSet(folder);
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".json")).sorted().toList()) {
          if (file.endsWith(TOKENIZER)) {
            continue;
          }
          Evidence one = Evidence.read(file);
          set.all.put(one.id().name(), one);
        }
      }
    }
    return set;
  }

  /// Brings the tokenizer of the runs so far to where runs look for it.
  ///
  /// @throws IllegalArgumentException when another one is there
  void bringTokenizer(Path to) throws IOException {
    Path own = folder.resolve(TOKENIZER);
    if (!Files.exists(own)) {
      return;
    }
    if (!Files.exists(to)) {
      AtomicFiles.write(to, out -> Files.copy(own, out));
    } else if (Files.mismatch(own, to) >= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s is another tokenizer than that of the evidence, %s: move it away, with the models that were trained with it",
              to,
              own));
    }
  }

  /// Keeps the tokenizer that was learned for the runs.
  void keepTokenizer(Path from) throws IOException {
    Path own = folder.resolve(TOKENIZER);
    if (Files.exists(from) && !Files.exists(own)) {
      AtomicFiles.write(own, out -> Files.copy(from, out));
    }
  }

  Path file(RunId id) {
    return folder.resolve(id.name() + ".json");
  }

  Optional<Evidence> find(RunId id) {
    return Optional.ofNullable(all.get(id.name()));
  }

  /// Writes it first: what is known here is on disk.
  void add(Evidence evidence) throws IOException {
    evidence.write(file(evidence.id()));
    all.put(evidence.id().name(), evidence);
  }

  /// The runs of a row, by seed.
  List<Evidence> row(Setting setting, String experiment, String row) {
    return all.values().stream()
        .filter(e ->
            e.id().scale() == setting.scale()
                && e.id().pilot() == setting.pilot()
                && e.id().experiment().equals(experiment)
                && e.id().row().equals(row))
        .sorted(Comparator.comparingLong(e -> e.id().seed()))
        .toList();
  }

  /// A note that names the runs that are not finished; none where all are.
  List<String> missing(List<Job> jobs) {
    Map<String, List<String>> seeds = new LinkedHashMap<>();
    for (Job job : jobs) {
      if (find(job.id()).isEmpty()) {
        seeds
            .computeIfAbsent(job.id().row(), _ -> new ArrayList<>())
            .add(String.valueOf(job.id().seed()));
      }
    }
    List<String> rows = new ArrayList<>();
    seeds.forEach((row, missing) -> rows.add(row + " (" + String.join(", ", missing) + ")"));
    return rows.isEmpty()
        ? List.of()
        : List.of("Not run yet, by row and seed: " + String.join("; ", rows) + ".");
  }

  /// Where a table's numbers come from that some runs left; what differs between them is empty, but
  /// for commits and seeds, which are all named.
  static Measured origin(String command, Collection<Evidence> runs) {
    List<Measured> each = runs.stream().map(Evidence::measured).toList();
    if (each.isEmpty()) {
      return new Measured("", Measured.Machine.UNKNOWN, "", "", List.of());
    }
    List<Measured.Machine> machines = distinct(each, Measured::machine);
    return new Measured(
        command,
        machines.size() == 1 ? machines.getFirst() : Measured.Machine.UNKNOWN,
        distinct(each, Measured::commit).stream()
            .filter(commit -> !commit.isEmpty())
            .collect(Collectors.joining(", ")),
        each.stream().map(Measured::date).max(Comparator.naturalOrder()).orElse(""),
        runs.stream().map(run -> run.id().seed()).distinct().sorted().toList());
  }

  private static <T> List<T> distinct(List<Measured> each, Function<Measured, T> part) {
    return new ArrayList<>(each.stream().map(part).distinct().toList());
  }
}
