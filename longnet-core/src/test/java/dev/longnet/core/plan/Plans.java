// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/// Recipes and devices whose numbers a hand can compute.
final class Plans {
  private Plans() {}

  /// The 125M model with the paper's ladder at 32,768 tokens, one window a step.
  static RunConfig paper(String... overrides) throws IOException {
    return recipe("base-125m", 32_768, overrides);
  }

  /// w = 2048 and r = 1, both doubled up to the window: hidden 2560, bfloat16.
  static RunConfig ladder(long window, String... overrides) throws IOException {
    int branches = Long.numberOfTrailingZeros(window) - 10;
    List<String> all = new ArrayList<>(List.of(overrides));
    all.add(
        "model.attention.segment_lengths="
            + LongStream.range(0, branches).map(i -> 2048L << i).boxed().toList());
    all.add(
        "model.attention.dilations="
            + IntStream.range(0, branches).mapToObj(i -> 1L << i).toList());
    all.addAll(List.of("model.positions=rope", "runtime.precision=bf16"));
    return recipe("base-2700m", window, all.toArray(String[]::new));
  }

  private static RunConfig recipe(String name, long window, String... overrides)
      throws IOException {
    List<String> all = new ArrayList<>(List.of(overrides));
    all.addAll(
        List.of(
            "training.window=" + window,
            "training.sequences=1",
            "training.batch_tokens=" + window,
            "evaluation.lengths=[4096]"));
    return Recipes.load(name, all, Tokenizers::vocabularySize);
  }

  /// A rank that computes everything at one rate, on machines of its own.
  static Device device(double flops, double bytesPerSecond) {
    Link link = new Link(0, bytesPerSecond);
    return new Device(
        "test",
        new Rates(flops, List.of(new Rates.Fold(2048, flops, flops))),
        1e15,
        link,
        link,
        1,
        1e9,
        1,
        "test");
  }

  static MeshPlan plan(RunConfig config, Device device, int ranks) {
    return new Planner(config, device, Reliability.of(ranks, 1)).plan(new RankMesh(ranks, ranks));
  }
}
