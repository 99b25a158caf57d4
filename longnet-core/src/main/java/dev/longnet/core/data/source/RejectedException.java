// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;

/// A document turned out to be unusable while it was read.
public final class RejectedException extends IOException {
  private static final long serialVersionUID = 1L;
  private final Reason reason;
  private final String detail;

  public RejectedException(Reason reason, String detail) {
    super(detail);
    this.reason = reason;
    this.detail = detail;
  }

  /// Never null, unlike other exceptions'.
  @Override
  public String getMessage() {
    return detail;
  }

  public Reason reason() {
    return reason;
  }
}
