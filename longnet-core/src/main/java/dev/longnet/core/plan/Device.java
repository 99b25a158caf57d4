// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.core.config.Section;
import dev.longnet.core.config.Yaml;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/// What a rank computes on and exchanges over.
///
/// @param name for tables
/// @param rates of one rank
/// @param memory bytes that one rank has
/// @param near the link to ranks of the same machine
/// @param far the link to ranks of others
/// @param ranksPerNode ranks of one machine
/// @param saveRate bytes a second at which all ranks together write a checkpoint
/// @param doubt the factor by which rates and links may be wrong, either way; 1 for none
/// @param basis where the rates come from, a phrase
public record Device(
    String name,
    Rates rates,
    double memory,
    Link near,
    Link far,
    int ranksPerNode,
    double saveRate,
    double doubt,
    String basis) {
  public Device {
    if (ranksPerNode < 1) {
      throw new IllegalArgumentException(
          "ranks_per_node must be positive: ranks_per_node=" + ranksPerNode);
    }
    if (!(memory > 0) || !(saveRate > 0) || !(doubt >= 1)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a device needs memory and save_rate above 0 and a doubt of at least 1: memory=%s, save_rate=%s, doubt=%s",
              memory,
              saveRate,
              doubt));
    }
  }

  /// A device as a file of YAML or JSON describes it:
  ///
  ///     name: mine
  ///     tokenwise: 4e14          # FLOP/s
  ///     folds: [{rows: 2048, forward: 2e14, backward: 2e14}]
  ///     memory: 80e9             # bytes
  ///     near: {latency: 5e-6, bytes_per_second: 3e11}
  ///     far: {latency: 1e-5, bytes_per_second: 5e10}
  ///     ranks_per_node: 8
  ///     save_rate: 1e9           # bytes a second
  ///     doubt: 1.5
  public static Device read(Path file) throws IOException {
    String source = file.toString();
    Section s =
        Section.root(Yaml.object(Texts.read(file), "a description of a device", source), source);
    s.require("folds");
    Device device =
        new Device(
            s.text("name", file.getFileName().toString()),
            new Rates(
                positive(s, "tokenwise"),
                s.sections("folds").stream()
                    .map(fold ->
                        new Rates.Fold(
                            fold.wholeNumber("rows", 2048, 1),
                            positive(fold, "forward"),
                            positive(fold, "backward")))
                    .toList()),
            positive(s, "memory"),
            link(s.section("near")),
            link(s.section("far")),
            s.integer("ranks_per_node", 1, 1),
            s.number("save_rate", Devices.SAVE_RATE, 1, Double.MAX_VALUE),
            s.number("doubt", Devices.DOUBT, 1, 100),
            "described in " + file);
    s.done();
    return device;
  }

  private static double positive(Section s, String key) {
    s.require(key);
    return s.number(key, 0, Double.MIN_NORMAL, Double.MAX_VALUE);
  }

  private static Link link(Section s) {
    Link link =
        new Link(s.number("latency", 0, 0, Double.MAX_VALUE), positive(s, "bytes_per_second"));
    s.done();
    return link;
  }

  /// With the rates, the link within a machine and the doubt that were measured.
  public Device measured(Calibration calibration) {
    return new Device(
        name,
        calibration.rates(),
        memory,
        calibration.link(),
        far,
        ranksPerNode,
        saveRate,
        calibration.doubt(),
        calibration.basis());
  }

  /// With another link between machines.
  public Device withBandwidth(double bytesPerSecond) {
    return new Device(
        name,
        rates,
        memory,
        near,
        new Link(far.latency(), bytesPerSecond),
        ranksPerNode,
        saveRate,
        doubt,
        basis);
  }

  public Device withRanksPerNode(int ranks) {
    return new Device(name, rates, memory, near, far, ranks, saveRate, doubt, basis);
  }

  public Device withSaveRate(double rate) {
    return new Device(name, rates, memory, near, far, ranksPerNode, rate, doubt, basis);
  }

  /// Faster in all it does.
  Device faster(double factor) {
    return new Device(
        name,
        rates.faster(factor),
        memory,
        near.faster(factor),
        far.faster(factor),
        ranksPerNode,
        saveRate,
        doubt,
        basis);
  }
}
