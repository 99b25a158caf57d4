// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The command that starts one rank.
///
/// @param java what starts a JVM
/// @param words its flags, its class and its arguments
record RankCommand(List<String> java, List<String> words) {
  /// As the launcher does it: the JVM's own line about the Vector API is dropped, until
  /// [StandardError] takes descriptor 3 over. The shell becomes the JVM.
  private static final String FILTER =
      "exec \"$@\" 3>&2 2> >(grep -v 'Using incubator modules: jdk.incubator.vector' >&2)";

  /// This process's own command again: the same JVM, flags, class path and arguments.
  static RankCommand ofThisProcess(List<String> arguments) {
    List<String> java = new ArrayList<>();
    if (System.getProperty("longnet.stderr") != null) {
      java.addAll(List.of("bash", "-c", FILTER, "longnet"));
    }
    java.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    List<String> words = new ArrayList<>();
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      // A debugger's port can be taken once.
      if (!flag.startsWith("-agentlib:jdwp") && !flag.startsWith("-Xrunjdwp")) {
        words.add(flag);
      }
    }
    words.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    words.addAll(arguments);
    return new RankCommand(List.copyOf(java), List.copyOf(words));
  }

  /// @param cores that the rank takes for all there are; a flag of the user's own goes before it
  List<String> words(int cores) {
    List<String> all = new ArrayList<>(java);
    all.add("-XX:ActiveProcessorCount=" + cores);
    all.addAll(words);
    return all;
  }
}
