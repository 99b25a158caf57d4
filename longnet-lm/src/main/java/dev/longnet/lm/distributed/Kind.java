// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

/// What ranks do together; the name stands in messages.
enum Kind {
  EXCHANGE(0, "exchange"),
  REDUCE_SCATTER(1, "sum of gradients"),
  ALL_GATHER(2, "gathering of parameters"),
  SUM(3, "sum"),
  GATHER(4, "gathering"),
  BARRIER(5, "barrier"),
  SPLIT(6, "split"),
  CLOSE(7, "end");

  /// From 0 to 7: what ranks tell one another.
  final int code;

  private final String said;

  Kind(int code, String said) {
    this.code = code;
    this.said = said;
  }

  static Kind of(int code) {
    for (Kind kind : values()) {
      if (kind.code == code) {
        return kind;
      }
    }
    throw new IllegalArgumentException("no operation has code " + code);
  }

  /// E.g. "exchange 17".
  String number(long number) {
    return said + " " + number;
  }
}
