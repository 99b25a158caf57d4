// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.Reason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Counts of one source while it is read.
final class Tally {
  private static final int EXAMPLES = 10;

  private final String path;
  private final String state;
  private final Map<Reason, Long> rejected = new EnumMap<>(Reason.class);
  private final List<String> examples = new ArrayList<>();
  private Map<String, Long> readAs = Map.of();
  long documents;
  long bytes;
  long tokens;

  /// Groups by split, where groups are held out.
  final Map<Split, Long> groups = new EnumMap<>(Split.class);

  /// Documents whose ids do not give their text back.
  long changed;

  Tally(String path, String state) {
    this.path = path;
    this.state = state;
  }

  /// Goes on from where an earlier run stopped.
  static Tally of(SourceSummary s) {
    Tally tally = new Tally(s.path(), s.state());
    s.rejected()
        .forEach((reason, count) ->
            tally.rejected.put(Reason.valueOf(reason.toUpperCase(Locale.ROOT)), count));
    tally.examples.addAll(s.examples());
    tally.documents = s.documents();
    tally.bytes = s.bytes();
    tally.tokens = s.tokens();
    tally.changed = s.changedDocuments();
    tally.groups.put(Split.TRAIN, s.trainGroups());
    tally.groups.put(Split.VALIDATION, s.validationGroups());
    return tally;
  }

  String path() {
    return path;
  }

  void reject(Entry.Rejected entry) {
    long count = rejected.merge(entry.reason(), 1L, Long::sum);
    if (count <= EXAMPLES && entry.reason() != Reason.FILTERED) {
      String detail = entry.detail().isEmpty() ? "" : " (" + entry.detail() + ")";
      examples.add(label(entry.reason()) + ": " + entry.name() + detail);
    }
  }

  /// @param files by [dev.longnet.core.data.source.DocumentReader#readAs()], from the source's
  ///   beginning
  void readAs(Map<String, Long> files) {
    readAs = Map.copyOf(files);
  }

  SourceSummary summary() {
    Map<String, Long> counts = new HashMap<>();
    rejected.forEach((reason, count) -> counts.put(label(reason), count));
    return new SourceSummary(
        path,
        state,
        documents,
        bytes,
        tokens,
        changed,
        groups.getOrDefault(Split.TRAIN, 0L),
        groups.getOrDefault(Split.VALIDATION, 0L),
        readAs,
        counts,
        examples);
  }

  /// @throws IllegalArgumentException where no source had a document, with the reasons
  static void refuseEmpty(List<SourceSummary> summaries) {
    if (summaries.stream().mapToLong(SourceSummary::documents).sum() > 0) {
      return;
    }
    StringBuilder why = new StringBuilder("the corpus has no documents");
    for (SourceSummary s : summaries) {
      why.append(": ").append(s.path()).append(s.rejected().isEmpty() ? " is empty" : " has only ");
      why.append(
          String.join(
              ", ",
              s.rejected().entrySet().stream()
                  .map(e -> e.getValue() + " " + words(e.getKey()))
                  .toList()));
      s.examples().stream()
          .findFirst()
          .ifPresent(e -> why.append(" (").append(e.substring(e.indexOf(": ") + 2)).append(')'));
    }
    throw new IllegalArgumentException(why.toString());
  }

  private static String words(String label) {
    return Arrays.stream(Reason.values())
        .filter(reason -> label(reason).equals(label))
        .findFirst()
        .map(Reason::words)
        .orElse(label);
  }

  private static String label(Reason reason) {
    return reason.name().toLowerCase(Locale.ROOT);
  }
}
