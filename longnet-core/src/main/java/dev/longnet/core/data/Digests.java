// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// Hashes every JDK has.
public final class Digests {
  private Digests() {}

  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
