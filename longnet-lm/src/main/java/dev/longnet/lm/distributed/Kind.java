// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

/// What ranks do together; the name stands in messages.
enum Kind {
  EXCHANGE("exchange"),
  REDUCE_SCATTER("sum of gradients"),
  ALL_GATHER("gathering of parameters"),
  SUM("sum"),
  GATHER("gathering"),
  BARRIER("barrier"),
  SPLIT("split"),
  CLOSE("end");

  private final String said;

  Kind(String said) {
    this.said = said;
  }

  /// E.g. "exchange 17".
  String number(long number) {
    return said + " " + number;
  }
}
