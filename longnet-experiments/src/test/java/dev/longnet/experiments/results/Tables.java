// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import dev.longnet.experiments.results.Measured.Machine;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.ResultTable.Content;
import dev.longnet.experiments.results.ResultTable.Type;
import java.util.List;
import java.util.OptionalInt;

/// Tables for tests.
final class Tables {
  static final Measured SOMEWHERE =
      new Measured(
          "longnet bench train --recipe 'a b'",
          new Machine("AMD <EPYC>", OptionalInt.of(2), "24 GiB", "", "Linux amd64", "25.0.3"),
          "c2415ce",
          "2026-11-27T07:48Z",
          List.of(1L, 2L));

  static final Content CONTENT =
      new Content(
          List.of(
              Column.text("what"),
              new Column("command", "", Type.CODE, 0),
              Column.integer("tokens", ""),
              Column.number("time", "s", 3)),
          List.of(
              List.of("a | b \"<c>\"", "sed 's/|/x/'", "1048576", "12831.70"),
              List.of("", "", "", ""),
              List.of("small", "x", "7", "2.70E-8"),
              List.of("short", "x", "-3", "0.590")),
          List.of("One sentence.", "Another \\ one | <b>."));

  static final ResultTable TABLE =
      new ResultTable("two-words", "Time stays below 1 s.", SOMEWHERE, CONTENT);

  private Tables() {}
}
