package dev.longnet.core.data.source;

import java.io.IOException;

/// A document turned out to be unusable while it was read.
public final class RejectedException extends IOException {
  private static final long serialVersionUID = 1L;
  private final Reason reason;

  public RejectedException(Reason reason, String detail) {
    super(detail);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
