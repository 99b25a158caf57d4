// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Damaged files of every kind that is read: each ends in a line for the user, in bounded time and
/// memory.
class MutationTest {
  /// What takes tens of milliseconds.
  private static final Set<String> SLOW =
      Set.of("fairseq checkpoint", "tokenizer.json", "Parquet", "build's journal");

  @TempDir Path folder;

  @Test
  void damageIsSaidInALine() throws IOException {
    try (ModelFiles models = new ModelFiles(folder)) {
      for (Parser parser : parsers(models)) {
        Campaign campaign = new Campaign(parser, 1, null);
        campaign.give(SLOW.contains(parser.kind()) ? 2 : 12);
        assertThat(campaign.faults().values()).isEmpty();
      }
    }
  }

  /// `-Dlongnet.mutations.minutes=60` gives damaged files for an hour, as many of each kind as its
  /// parser takes in its share of the time. `-Dlongnet.mutations.keep=DIR` keeps those that bring
  /// something to light, `-Dlongnet.mutations.json=FILE` takes down how many there were.
  @Tag("slow")
  @Test
  void millionsOfDamagedFiles() throws Exception {
    try (ModelFiles models = new ModelFiles(folder)) {
      LongCampaign.run(parsers(models));
    }
  }

  private List<Parser> parsers(ModelFiles models) throws IOException {
    List<Parser> all = new ArrayList<>(models.parsers());
    all.addAll(new Corpora(folder).parsers());
    all.addAll(new ShardFiles(folder).parsers());
    return all;
  }
}
