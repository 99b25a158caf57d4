// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// What `longnet train` asks the driver for, by a line of its standard output.
///
/// @param size how many ranks
/// @param leaveSeconds how long ranks may take to leave by themselves
/// @param told variables of every rank: which run it is
record Request(int size, long leaveSeconds, Map<String, String> told) {
  private static final String ASKS = "longnet-spark:";
  private static final String STOP = ASKS + "stop";
  private static final String START = ASKS + "start\0";

  static boolean isStop(String line) {
    return line.equals(STOP);
  }

  /// Empty where the line is one for people.
  static Optional<Request> of(String line) {
    if (!line.startsWith(START)) {
      return Optional.empty();
    }
    String[] words = line.substring(START.length()).split("\0");
    Map<String, String> told = new TreeMap<>();
    for (int i = 2; i < words.length; i++) {
      int equals = words[i].indexOf('=');
      told.put(words[i].substring(0, equals), words[i].substring(equals + 1));
    }
    return Optional.of(new Request(Integer.parseInt(words[0]), Long.parseLong(words[1]), told));
  }
}
