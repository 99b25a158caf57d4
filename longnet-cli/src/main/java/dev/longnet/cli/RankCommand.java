// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The command that starts one rank.
record RankCommand(List<String> words) {
  /// As the launcher does it: the JVM's own line about the Vector API is dropped, until
  /// [StandardError] takes descriptor 3 over. The shell becomes the JVM.
  private static final String FILTER =
      "exec \"$@\" 3>&2 2> >(grep -v 'Using incubator modules: jdk.incubator.vector' >&2)";

  /// This process's own command again: the same JVM, flags, class path and arguments.
  static RankCommand ofThisProcess(List<String> arguments) {
    List<String> words = new ArrayList<>();
    if (System.getProperty("longnet.stderr") != null) {
      words.addAll(List.of("bash", "-c", FILTER, "longnet"));
    }
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      // A debugger's port can be taken once.
      if (!flag.startsWith("-agentlib:jdwp") && !flag.startsWith("-Xrunjdwp")) {
        words.add(flag);
      }
    }
    words.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    words.addAll(arguments);
    return new RankCommand(List.copyOf(words));
  }
}
