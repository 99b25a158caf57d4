// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.util.Optional;

/// An Indexed Job of Kubernetes, which gives each pod its index alone, or a JobSet of such jobs.
/// The manifest says the rest: `LONGNET_COMPLETIONS` of a job, `LONGNET_JOBS` of a set and
/// `LONGNET_JOB_INDEX` among them, and the headless Service `LONGNET_SERVICE` that resolves the
/// names of pods (or `MASTER_ADDR`).
final class JobVariables {
  private static final String INDEX = "JOB_COMPLETION_INDEX";
  private static final String COMPLETIONS = "LONGNET_COMPLETIONS";
  private static final String JOB = "LONGNET_JOB_INDEX";
  private static final String JOBS = "LONGNET_JOBS";
  private static final String SERVICE = "LONGNET_SERVICE";

  /// Each pod has an address of its own, so all may use one port: PyTorch's.
  private static final int PORT = 29_500;

  private JobVariables() {}

  static Optional<Claim> claim(Variables v) {
    if (!v.has(INDEX) || !v.has(COMPLETIONS)) {
      return Optional.empty();
    }
    int completions = v.number(COMPLETIONS, 1, Integer.MAX_VALUE, "");
    int index = v.index(INDEX, completions, COMPLETIONS, "");
    int jobs = 1;
    int job = 0;
    String words = v.said(INDEX) + " of " + v.said(COMPLETIONS);
    boolean set = v.has(JOB) || v.has(JOBS);
    if (set) {
      String either = v.said(v.has(JOB) ? JOB : JOBS);
      jobs = v.number(JOBS, 1, Integer.MAX_VALUE / completions, either);
      job = v.index(JOB, jobs, JOBS, either);
      words += " in " + v.said(JOB) + " of " + v.said(JOBS);
    }
    int rank = job * completions + index;
    int size = jobs * completions;
    String own = set ? "-" + job + "-" + index : "-" + index;
    String first = set ? "-0-0" : "-0";
    String all = words;
    return Optional.of(
        new Claim(
            rank,
            size,
            words,
            () ->
                new Launch(
                    Launcher.KUBERNETES,
                    rank,
                    size,
                    0,
                    1,
                    0,
                    new Launch.Store(
                        host(v, own, first, all), v.number(RankVariables.PORT, 1, 65_535, PORT)))));
  }

  /// Pods of a job are called JOB-INDEX, those of a set SET-GROUP-JOB-INDEX, and the Service
  /// resolves NAME.SERVICE.
  private static String host(Variables v, String own, String first, String why) {
    if (v.has(RankVariables.HOST)) {
      return v.required(RankVariables.HOST, why);
    }
    String service = v.required(v.first(why, SERVICE, RankVariables.HOST), why);
    String name = v.required("HOSTNAME", why);
    if (!name.endsWith(own) || name.length() == own.length()) {
      throw new IllegalArgumentException(
          "HOSTNAME must end in "
              + own
              + ", as Kubernetes names the pods of an Indexed Job, or MASTER_ADDR must be set: "
              + v.said("HOSTNAME"));
    }
    return name.substring(0, name.length() - own.length()) + first + "." + service;
  }

  /// A pod of an Indexed Job whose manifest does not say how many ranks there are.
  static void refuseHalf(Variables v) {
    if (v.has(INDEX)) {
      throw new FieldException(
          "%s must be set beside %s, to the completions of the Job: set it, or give %s for a "
              + "process of its own in each pod: %s",
          COMPLETIONS, INDEX, Field.of("ranks", 1), v.said(INDEX));
    }
  }
}
