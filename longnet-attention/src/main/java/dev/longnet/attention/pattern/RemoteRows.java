// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// Key rows of one head that lie in other shards and that one or more folds want side by side.
public final class RemoteRows {
  private final Rows keys;
  private final int[] slots;

  RemoteRows(Rows keys, int[] slots) {
    this.keys = keys;
    this.slots = slots;
  }

  /// Their positions in the sequence.
  public Rows keys() {
    return keys;
  }

  /// Which of the head's received rows row `index` is, see [ShardPlan#received]. Slots rise.
  public int slot(int index) {
    return slots[index];
  }
}
