// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

/// One line of `longnet doctor`.
///
/// @param finding what was seen, with its number and unit
/// @param remedy what to do about it; empty when nothing is wrong
record Check(String name, Status status, String finding, String remedy) {
  enum Status {
    OK,
    WARN,
    FAIL
  }

  static Check ok(String name, String finding) {
    return new Check(name, Status.OK, finding, "");
  }

  static Check warn(String name, String finding, String remedy) {
    return new Check(name, Status.WARN, finding, remedy);
  }

  static Check fail(String name, String finding, String remedy) {
    return new Check(name, Status.FAIL, finding, remedy);
  }
}
