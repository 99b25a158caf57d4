// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Slurm's short forms of lists.
final class SlurmLists {
  private static final Pattern TASKS = Pattern.compile("([0-9]{1,9})(?:\\(x([0-9]{1,9})\\))?");
  private static final Pattern RANGE = Pattern.compile("([0-9]{1,9})(?:-([0-9]{1,9}))?");
  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._-]+");

  /// Far above any cluster: a list that names more is no list of hosts.
  private static final int MOST_HOSTS = 100_000;

  private SlurmLists() {}

  /// The hosts of `n[1-3,7],m05`: n1, n2, n3, n7, m05. Numbers keep their leading zeros, and a name
  /// may have several brackets.
  ///
  /// @param name of the variable, for messages
  static List<String> hosts(String name, String list) {
    List<String> hosts = new ArrayList<>();
    for (String part : split(name, list)) {
      expand(name, list, "", part, hosts);
    }
    return hosts;
  }

  /// At the commas outside of brackets.
  private static List<String> split(String name, String list) {
    List<String> parts = new ArrayList<>();
    int from = 0;
    boolean inside = false;
    for (int i = 0; i < list.length(); i++) {
      char c = list.charAt(i);
      if (c == '[' ? inside : c == ']' && !inside) {
        throw wrong(name, list);
      }
      inside = c == '[' || inside && c != ']';
      if (c == ',' && !inside) {
        parts.add(list.substring(from, i));
        from = i + 1;
      }
    }
    if (inside) {
      throw wrong(name, list);
    }
    parts.add(list.substring(from));
    return parts;
  }

  private static void expand(
      String name, String list, String before, String rest, List<String> hosts) {
    int open = rest.indexOf('[');
    if (open < 0) {
      String host = before + rest;
      if (!HOST.matcher(host).matches() || hosts.size() == MOST_HOSTS) {
        throw wrong(name, list);
      }
      hosts.add(host);
      return;
    }
    int close = rest.indexOf(']', open);
    for (String range : rest.substring(open + 1, close).split(",", -1)) {
      Matcher ends = RANGE.matcher(range);
      if (!ends.matches()) {
        throw wrong(name, list);
      }
      String first = ends.group(1);
      int last = Integer.parseInt(ends.group(2) == null ? first : ends.group(2));
      if (last < Integer.parseInt(first)) {
        throw wrong(name, list);
      }
      for (int i = Integer.parseInt(first); i <= last; i++) {
        String number = String.format(Locale.ROOT, "%0" + first.length() + "d", i);
        expand(
            name,
            list,
            before + rest.substring(0, open) + number,
            rest.substring(close + 1),
            hosts);
      }
    }
  }

  /// How many tasks a node has, by `4(x2),3`: 4, 4, 3.
  ///
  /// @param name of the variable, for messages
  static int tasksOf(int node, String name, String list) {
    long nodes = 0;
    for (String part : list.split(",", -1)) {
      Matcher tasks = TASKS.matcher(part);
      if (!tasks.matches() || Integer.parseInt(tasks.group(1)) == 0) {
        throw new IllegalArgumentException(
            name + " must be tasks by node such as 4(x2),3: " + name + "=" + list);
      }
      nodes += tasks.group(2) == null ? 1 : Integer.parseInt(tasks.group(2));
      if (node < nodes) {
        return Integer.parseInt(tasks.group(1));
      }
    }
    throw new IllegalArgumentException(
        "SLURM_NODEID must be less than the number of nodes in "
            + name
            + "="
            + list
            + ": SLURM_NODEID="
            + node);
  }

  private static IllegalArgumentException wrong(String name, String list) {
    return new IllegalArgumentException(
        name + " must be a list of hosts such as n[1-3,7],m05: " + name + "=" + list);
  }
}
