// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A campaign of minutes or hours over several parsers, a slice of time for each in turn.
public final class LongCampaign {
  private static final String PREFIX = "longnet.mutations.";
  private static final Duration SLICE = Duration.ofSeconds(2);

  private LongCampaign() {}

  public static void run(List<Parser> parsers) throws Exception {
    String keep = System.getProperty(PREFIX + "keep");
    String json = System.getProperty(PREFIX + "json");
    String only = System.getProperty(PREFIX + "only", ".*");
    long seed = Long.getLong(PREFIX + "seed", 1);
    Duration time =
        Duration.ofSeconds(
            (long) (60 * Double.parseDouble(System.getProperty(PREFIX + "minutes", "5"))));
    List<Campaign> campaigns = new ArrayList<>();
    for (Parser parser : parsers) {
      if (parser.kind().matches(only)) {
        campaigns.add(new Campaign(parser, seed, keep == null ? null : Path.of(keep)));
      }
    }
    Throwable[] failed = {null};
    Thread giver =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              try {
                give(campaigns, time, json);
              } catch (Throwable e) {
                failed[0] = e;
              }
            });
    long last = -1;
    while (!giver.join(Duration.ofMinutes(3))) {
      long now = campaigns.stream().mapToLong(Campaign::inputs).sum();
      if (now == last) {
        StringBuilder stacks = new StringBuilder("a reading does not end:");
        Thread.getAllStackTraces()
            .forEach((thread, stack) ->
                stacks
                    .append("\n")
                    .append(thread)
                    .append("\n  ")
                    .append(
                        String.join(
                            "\n  ", java.util.Arrays.stream(stack).map(String::valueOf).toList())));
        throw new AssertionError(stacks);
      }
      last = now;
    }
    assertThat(failed[0]).isNull();
    assertThat(campaigns.stream().flatMap(c -> c.faults().values().stream())).isEmpty();
  }

  private static void give(List<Campaign> campaigns, Duration time, String json)
      throws IOException {
    long end = System.nanoTime() + time.toNanos();
    while (System.nanoTime() < end) {
      for (Campaign campaign : campaigns) {
        campaign.give(SLICE);
      }
      if (json != null) {
        Files.writeString(Path.of(json), rows(campaigns));
      }
    }
    System.out.print(rows(campaigns));
  }

  /// Rows of a table: kind, inputs, read without complaint, inputs a second, the slowest in ms, the
  /// most allocated in MiB, faults.
  private static String rows(List<Campaign> campaigns) {
    StringBuilder rows = new StringBuilder();
    for (Campaign c : campaigns) {
      rows.append(
          String.format(
              Locale.ROOT,
              "[\"%s\", %d, %d, %.0f, %.1f, %.1f, %d],%n",
              c.kind(),
              c.inputs(),
              c.accepted(),
              c.inputs() / Math.max(1e-9, c.seconds()),
              c.slowestMillis(),
              c.largest() / (double) (1 << 20),
              c.faults().size()));
    }
    return rows.toString();
  }
}
