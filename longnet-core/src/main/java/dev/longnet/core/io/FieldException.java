// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A mistake of the user whose message names fields, for a program that calls them otherwise.
public final class FieldException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final transient FieldMessage message;

  /// @param format see [FieldMessage]
  public FieldException(String format, Object... arguments) {
    this(FieldMessage.of(format, arguments), null);
  }

  public FieldException(FieldMessage message, @Nullable Throwable cause) {
    super(message.toString(), cause);
    this.message = message;
  }

  /// The message with other names for its fields.
  public String message(Function<Field, String> names) {
    return message.text(names);
  }
}
