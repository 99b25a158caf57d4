// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

/// Fails a stage with one line.
final class RankFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  RankFailure(RankEnd end) {
    super(end.toString(), null, false, false);
  }
}
