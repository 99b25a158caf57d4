// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldMessage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A rank was killed, cut off, or gave up. The message is one line for the user: which rank, on
/// which host, during what, and what to do.
public final class PeerLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// The exit code of a process that ends because another rank did: "try again later" of BSD's
  /// sysexits.h, and nothing else of ours.
  public static final int EXIT_CODE = 75;

  private final transient FieldMessage message;

  public PeerLostException(String message) {
    this(message, null);
  }

  public PeerLostException(String message, @Nullable Throwable cause) {
    this(FieldMessage.of("%s", message), cause);
  }

  /// What a rank said may name fields.
  public PeerLostException(FieldMessage message, @Nullable Throwable cause) {
    super(message.toString(), cause);
    this.message = message;
  }

  /// The message with other names for its fields.
  public String message(Function<Field, String> names) {
    return message.text(names);
  }
}
