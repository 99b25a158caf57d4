// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.data.source.Admission;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.SourceState;
import dev.longnet.core.data.source.Sources;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Chooses the groups that are held out. Groups differ so much in size that chance alone would
/// often take none or most of a corpus: so one walk through the sources, which loads nothing but
/// rows that have names, adds up what each group holds. Then groups are gone through in the order
/// of the hashes of their names, and each is taken that still fits into the share of all bytes.
final class GroupChoice {
  private final CorpusConfig config;
  private final Map<ContentHash, Long> sizes = new HashMap<>();

  /// Whether a document has its own last part held out.
  private boolean tails;

  private GroupChoice(CorpusConfig config) {
    this.config = config;
  }

  /// @param states of the corpus' sources
  /// @param scratch a directory for temporary files
  static SplitRule rule(CorpusConfig config, List<SourceState> states, Path scratch)
      throws IOException {
    GroupChoice choice = new GroupChoice(config);
    boolean groups = config.holdout().kind() == Holdout.Kind.GROUP && config.validation() > 0;
    for (int i = 0; groups && i < states.size(); i++) {
      choice.walk(config.sources().get(i), states.get(i), scratch);
    }
    if (choice.sizes.size() == 1 && !choice.tails) {
      throw new FieldException(
          "none of the corpus' 1 groups is held out: take smaller groups (%s) or another share (%s)",
          Field.of("corpus.group_depth"), Field.of("corpus.validation", config.validation()));
    }
    return new SplitRule(
        config.holdout(), config.validation(), chosen(choice.sizes, config.validation()));
  }

  private void walk(CorpusSource source, SourceState state, Path scratch) throws IOException {
    Admission admission = new Admission(config.filter(), config.input());
    String label = Sources.label(source);
    try (DocumentReader reader = Sources.open(source, state, admission, scratch)) {
      for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
        var place = new SplitRule.Place(label, reader.container());
        switch (entry) {
          case Entry.Text text -> add(place, name(source, text), text.size());
          case Entry.Streamed large -> {
            if (large.heldOutTail()) {
              tails = true;
            } else {
              add(place, large.name(), large.size());
            }
          }
          case Entry.Rejected _ -> {}
        }
      }
    }
  }

  private void add(SplitRule.Place place, String name, long bytes) {
    sizes.merge(SplitRule.group(place, name, config.holdout()), bytes, Long::sum);
  }

  /// Rows learn their names when they are loaded.
  private static String name(CorpusSource source, Entry.Text text) {
    if (source.nameField().isEmpty()) {
      text.loader().discard();
      return text.name();
    }
    try {
      return text.loader().load().name();
    } catch (IOException e) {
      return text.name(); // the build says what is wrong with it
    }
  }

  /// At least one group, never all of them: of a single one nothing.
  static Set<ContentHash> chosen(Map<ContentHash, Long> sizes, double share) {
    double wanted = share * sizes.values().stream().mapToLong(Long::longValue).sum();
    List<ContentHash> order =
        sizes.keySet().stream()
            .sorted(
                Comparator.comparingLong(ContentHash::hash0).thenComparingLong(ContentHash::hash1))
            .toList();
    if (order.size() < 2) {
      return Set.of();
    }
    Set<ContentHash> chosen = new HashSet<>();
    long bytes = 0;
    for (ContentHash group : order) {
      long size = sizes.getOrDefault(group, 0L);
      if (bytes + size <= wanted) {
        chosen.add(group);
        bytes += size;
      }
    }
    if (chosen.isEmpty()) {
      order.stream()
          .min(Comparator.comparingLong(g -> sizes.getOrDefault(g, 0L)))
          .ifPresent(chosen::add);
    }
    return chosen;
  }
}
