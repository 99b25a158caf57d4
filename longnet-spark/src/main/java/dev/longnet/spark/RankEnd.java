// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How a rank ended. Its text is all that reaches the driver: the message of the exception that
/// fails the stage.
///
/// @param code 128 and more: a signal
/// @param line why, in the rank's own words; may be empty
record RankEnd(int rank, int size, String host, int code, String line) {
  /// As [#toString] has it, on one line of Spark's message.
  private static final Pattern TEXT =
      Pattern.compile("rank (\\d+) of (\\d+) on (\\S+) ended with exit code (\\d+)(?:: (.*))?");

  /// A rank that ended because it lost another.
  private static final int LOST = 75;

  /// The stage is over: the rank is done, or was asked to stop and saved itself.
  boolean good() {
    return code == 0 || code == 128 + 1 || code == 128 + 2 || code == 128 + 15;
  }

  /// Another rank's end says more.
  boolean isConsequence() {
    return code == LOST;
  }

  /// @param message of the exception that ended a job
  static Optional<RankEnd> parse(String message) {
    Matcher found = TEXT.matcher(message);
    return found.find()
        ? Optional.of(
            new RankEnd(
                Integer.parseInt(found.group(1)),
                Integer.parseInt(found.group(2)),
                found.group(3),
                Integer.parseInt(found.group(4)),
                Optional.ofNullable(found.group(5)).orElse("")))
        : Optional.empty();
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "rank %d of %d on %s ended with exit code %d%s",
        rank,
        size,
        host,
        code,
        line.isEmpty() ? "" : ": " + line);
  }
}
