// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import java.util.Locale;

/// A speed this project set itself, and what a run reached.
///
/// @param wanted the least `reached` may be, or the most where `most` is set
/// @param percent whether both read as shares of 100
record Goal(String what, double wanted, double reached, boolean most, boolean percent) {
  static Goal share(String what, double wanted, double reached) {
    return new Goal(what, wanted, reached, false, true);
  }

  static Goal times(String what, double wanted, double reached) {
    return new Goal(what, wanted, reached, false, false);
  }

  static Goal atMost(String what, double wanted, double reached) {
    return new Goal(what, wanted, reached, true, false);
  }

  boolean met() {
    return most ? reached <= wanted : reached >= wanted;
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "  %-72s %s %-7s %8s  %s",
        what,
        most ? "<=" : ">=",
        number(wanted),
        number(reached),
        met() ? "reached" : "MISSED");
  }

  private String number(double value) {
    return percent
        ? String.format(Locale.ROOT, "%.1f %%", 100 * value)
        : String.format(Locale.ROOT, "%.3f", value);
  }
}
