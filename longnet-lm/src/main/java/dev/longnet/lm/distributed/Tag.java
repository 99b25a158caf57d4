// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

/// The tag of a message. Only messages of equal tags meet, so it says all that both sides must
/// agree on: which operation, and how many bytes. Sizes that differ by less than 512 KiB, or by
/// anything but a multiple of 524,287 bytes, have different tags.
final class Tag {
  private static final int SIZES = (1 << 19) - 1;
  private static final int NUMBERS = 1 << 9;

  private Tag() {}

  /// @param number of the operation in its group
  /// @param bytes of the whole message
  static int of(long number, Kind kind, long bytes) {
    return (int) (number % NUMBERS) << 22 | kind.code << 19 | (int) (bytes % SIZES);
  }
}
