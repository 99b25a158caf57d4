// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The variables by which a rank learns its place among the others, as `longnet train --ranks` sets
/// them for those that it starts.
final class RankEnvironment {
  private RankEnvironment() {}

  /// @param rank the number of the task
  /// @param hosts of all tasks, in their order
  /// @param port that is free on the machine of rank 0
  /// @param cores of each task
  /// @param starter the process that starts the rank
  static Map<String, String> of(int rank, List<String> hosts, int port, int cores, long starter) {
    String own = hosts.get(rank);
    Map<String, String> variables = new TreeMap<>();
    variables.put("LONGNET_STARTED_BY", Long.toString(starter));
    variables.put("LONGNET_CORES", Integer.toString(cores));
    variables.put("RANK", Integer.toString(rank));
    variables.put("WORLD_SIZE", Integer.toString(hosts.size()));
    variables.put("LOCAL_RANK", Long.toString(count(own, hosts.subList(0, rank))));
    variables.put("LOCAL_WORLD_SIZE", Long.toString(count(own, hosts)));
    variables.put("MASTER_ADDR", hosts.get(0));
    variables.put("MASTER_PORT", Integer.toString(port));
    return variables;
  }

  /// @param address `HOST:PORT` of an executor, as Spark has it; an IPv6 address in brackets
  static String host(String address) {
    String host = address.substring(0, address.lastIndexOf(':'));
    return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
  }

  private static long count(String host, List<String> hosts) {
    return hosts.stream().filter(host::equals).count();
  }
}
