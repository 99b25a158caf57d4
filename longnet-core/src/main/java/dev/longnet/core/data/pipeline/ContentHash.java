// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.Digests;
import dev.longnet.core.data.Split;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/// A document's identity: the first 128 bits of its SHA-256.
record ContentHash(long hash0, long hash1) {

  static ContentHash of(byte[] bytes) {
    return of(ByteBuffer.wrap(Digests.sha256().digest(bytes)));
  }

  static ContentHash of(MessageDigest digest) {
    return of(ByteBuffer.wrap(digest.digest()));
  }

  private static ContentHash of(ByteBuffer digest) {
    return new ContentHash(digest.getLong(), digest.getLong());
  }

  /// Stable: depends on the content and the share alone. A larger share holds out a superset.
  Split split(double validation) {
    double uniform = (hash0 >>> 11) * 0x1p-53;
    return uniform < validation ? Split.VALIDATION : Split.TRAIN;
  }
}
