// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.plan.Device;
import dev.longnet.core.plan.MeshPlan;
import java.io.PrintWriter;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// Plans as a person reads them: a row a mesh, then where the best one's step goes.
///
/// @param plans one or more
record PlanTable(PrintWriter out, RunConfig config, Device device, List<MeshPlan> plans) {
  private static final String ROW = "%-12s %10s %10s %10s %21s %7s %8s %8s  %s%n";

  void print() {
    MeshPlan first = plans.getFirst();
    row("recipe", config.name());
    row(
        "model",
        String.format(
            Locale.ROOT,
            "%s parameters, windows of %,d tokens, %,d tokens a step",
            Forecast.si(first.memory().parameters()),
            first.window(),
            first.time().tokens()));
    row(
        "ranks",
        String.format(
            Locale.ROOT,
            "%,d on %s, %,d a machine: %s",
            first.mesh().ranks(),
            device.name(),
            Math.min(device.ranksPerNode(), first.mesh().ranks()),
            device.basis()));
    row("links", links(first.mesh().ranks()));
    out.println();
    out.printf(
        Locale.ROOT,
        ROW,
        "data x seq.",
        "tokens",
        "memory",
        "step",
        "tokens/s, from to",
        "effic.",
        "waiting",
        "balance",
        "exchange");
    plans.forEach(this::mesh);
    plans.stream()
        .filter(plan -> !plan.possible())
        .forEach(plan ->
            plan.faults()
                .forEach(
                    fault -> out.printf(Locale.ROOT, "%s can't be: %s%n", plan.mesh(), fault)));
    Optional<MeshPlan> best =
        plans.stream()
            .filter(MeshPlan::possible)
            .min(Comparator.comparingDouble(plan -> plan.time().seconds()));
    out.println();
    best.ifPresentOrElse(
        this::details,
        () -> out.println("None of these meshes can be: choose more ranks, or a smaller run."));
    out.flush();
  }

  private String links(int ranks) {
    String near = rate(device.near().bytesPerSecond()) + " within a machine";
    String far = rate(device.far().bytesPerSecond()) + " between machines";
    return device.ranksPerNode() == 1
        ? far
        : device.ranksPerNode() >= ranks ? near : near + ", " + far;
  }

  private void mesh(MeshPlan plan) {
    MeshPlan.Step time = plan.time();
    out.printf(
        Locale.ROOT,
        ROW,
        plan.mesh(),
        String.format(Locale.ROOT, "%,d", plan.tokens()),
        Forecast.bytes(plan.memory().memoryBytes()),
        plan.possible() ? seconds(time.seconds()) : "-",
        plan.possible()
            ? Forecast.si(time.tokens() / time.slowest())
                + " - "
                + Forecast.si(time.tokens() / time.fastest())
            : "-",
        plan.possible() ? percent(time.efficiency()) : "-",
        plan.possible() ? percent((time.exposed() + time.gradients()) / time.seconds()) : "-",
        String.format(Locale.ROOT, "%.3f", time.balance()),
        exchange(plan));
  }

  private static String exchange(MeshPlan plan) {
    MeshPlan.Exchange exchange = plan.exchange();
    if (exchange.rows() == 0) {
      return "none";
    }
    double need = exchange.tokensToHide();
    return Double.isInfinite(need)
        ? "no local branch hides it"
        : String.format(
            Locale.ROOT,
            "%s: %,.0f tokens or more hide it",
            exchange.isHidden(plan.tokens()) ? "hidden" : "exposed",
            Math.ceil(need));
  }

  private void details(MeshPlan plan) {
    MeshPlan.Step time = plan.time();
    row(
        "best",
        String.format(
            Locale.ROOT,
            "%s: %s a step, from %s to %s",
            plan.mesh(),
            seconds(time.seconds()),
            seconds(time.fastest()),
            seconds(time.slowest())));
    row(
        "time",
        String.format(
            Locale.ROOT,
            "products %s, attention %s, waiting for rows %s (%s hidden), parameters' gradients %s",
            seconds(time.products()),
            seconds(time.attention()),
            seconds(time.exposed()),
            seconds(time.hidden()),
            seconds(time.gradients())));
    for (MeshPlan.BranchTime branch : time.branches()) {
      row(
          "",
          String.format(
              Locale.ROOT,
              "branch %d%s, %,d keys: forward %s, backward %s, %s of pairs with other ranks' keys",
              branch.branch() + 1,
              config.model().mixers().size() > 1 ? " of mixer " + (branch.mixer() + 1) : "",
              branch.keys(),
              seconds(branch.forward()),
              seconds(branch.backward()),
              percent(branch.remoteShare())));
    }
    Forecast memory = plan.memory();
    row(
        "memory",
        String.format(
            Locale.ROOT,
            "a rank: weights %s, gradients %s, moments %s, activations %s, logits %s, other ranks' rows %s, program %s",
            Forecast.bytes(memory.weightBytes()),
            Forecast.bytes(memory.gradientBytes()),
            Forecast.bytes(memory.optimizerBytes()),
            Forecast.bytes(memory.activationBytes()),
            Forecast.bytes(memory.logitBytes()),
            Forecast.bytes(memory.rowBytes()),
            Forecast.bytes(Forecast.PROGRAM_BYTES)));
    MeshPlan.Exchange exchange = plan.exchange();
    row(
        "exchange",
        String.format(
            Locale.ROOT,
            "a layer and window %sB forward, %sB backward; a step %sB of rows, %sB of parameters and gradients",
            Forecast.si(exchange.forwardBytes()),
            Forecast.si(exchange.backwardBytes()),
            Forecast.si(exchange.attentionBytes()),
            Forecast.si(exchange.gradientBytes())));
    MeshPlan.Checkpoints saved = plan.checkpoints();
    row(
        "checkpoints",
        String.format(
            Locale.ROOT,
            "%s take %s to write; the run fails every %s: save every %s, which loses %s",
            Forecast.bytes(memory.checkpointBytes()),
            seconds(saved.saveSeconds()),
            seconds(saved.meanSeconds()),
            seconds(saved.interval()),
            percent(saved.lost())));
    row(
        "uncertainty",
        String.format(
            Locale.ROOT,
            "a factor of %.2f either way, of all rates and links at once: %s",
            device.doubt(),
            device.basis()));
  }

  private void row(String name, String text) {
    out.printf(Locale.ROOT, "%-12s %s%n", name, text);
  }

  private static String rate(double bytesPerSecond) {
    return Forecast.si(bytesPerSecond) + "B/s";
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
  }

  /// 3.2 ms, 41 s, 12 min, 7.9 h, 3 days
  static String seconds(double seconds) {
    double[] sizes = {86_400 * 2, 7200, 120, 1, 1e-3};
    double[] units = {86_400, 3600, 60, 1, 1e-3};
    String[] names = {"days", "h", "min", "s", "ms"};
    for (int i = 0; i < sizes.length; i++) {
      if (seconds >= sizes[i]) {
        double value = seconds / units[i];
        return String.format(Locale.ROOT, value >= 100 ? "%,.0f %s" : "%.3g %s", value, names[i]);
      }
    }
    double micro = 1e6 * seconds;
    return seconds == 0
        ? "0 s"
        : String.format(Locale.ROOT, micro >= 99.5 ? "%.0f µs" : "%.2g µs", micro);
  }
}
