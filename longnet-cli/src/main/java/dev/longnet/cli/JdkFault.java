// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.lang.management.ManagementFactory;

/// JDK-8377811: in JDK 25.0.0 to 25.0.2 the collector G1 may corrupt memory where arrays are
/// pinned, as calls into native code pin them.
final class JdkFault {
  static final String REMEDY =
      "its collector G1 may corrupt memory (JDK-8377811): update to 25.0.3 or newer; ./longnet runs this one with "
          + "-XX:+UseParallelGC";

  private JdkFault() {}

  static boolean affects(Runtime.Version version) {
    return version.feature() == 25 && version.interim() == 0 && version.update() <= 2;
  }

  /// Whether this process collects with G1.
  static boolean collectsWithG1() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .anyMatch(collector -> collector.getName().startsWith("G1 "));
  }
}
