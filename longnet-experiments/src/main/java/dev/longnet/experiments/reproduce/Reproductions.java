// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.List;

/// The experiments, those that are wanted first in front.
public final class Reproductions {
  private Reproductions() {}

  public static List<Reproduction> all() {
    return List.of(
        new Table2(),
        new Recall(),
        new Figure7b(),
        new Quickstart(),
        new Figure6(),
        new Figure7a(),
        new ReadingOn(),
        new Dna(),
        new Figure5());
  }

  /// @throws IllegalArgumentException when there is none of that name
  public static Reproduction named(String name) {
    return all().stream()
        .filter(e -> e.name().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no experiment of that name, there are "
                    + String.join(", ", all().stream().map(Reproduction::name).toList())
                    + ": "
                    + name));
  }
}
