// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Something the machine lacks: disk space, memory, a native library, a JDK with sources. The
/// message is one line that says what is missing and the remedy. The command line prints it and
/// exits with 1; a mistake of the user is an [IllegalArgumentException] instead and exits with 2.
public final class EnvironmentException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final String remedy;

  private final transient FieldMessage message;

  public EnvironmentException(String message) {
    this(message, null);
  }

  public EnvironmentException(String message, @Nullable Throwable cause) {
    this(FieldMessage.of("%s", message), cause);
  }

  /// A remedy that names fields.
  public EnvironmentException(FieldMessage message) {
    this(message, null);
  }

  public EnvironmentException(FieldMessage message, @Nullable Throwable cause) {
    super(message.toString(), cause);
    this.remedy = message.toString();
    this.message = message;
  }

  /// Whether a failure's message is the system's for a reached limit of descriptors.
  public static boolean isNoMoreFiles(@Nullable String message) {
    return message != null && message.contains("Too many open files");
  }

  /// The message of a reached limit of descriptors. It is text, as an exception of ours may need
  /// classes that no longer open.
  ///
  /// @param where the file that did not open; empty where that is not known
  public static String noMoreFiles(String where) {
    return "too many open files"
        + (where.isEmpty() ? "" : " at " + where)
        + ": raise the limit (ulimit -n 4096)";
  }

  /// Never null, unlike other exceptions'.
  @Override
  public String getMessage() {
    return remedy;
  }

  /// The message with other names for its fields.
  public String message(Function<Field, String> names) {
    return message.text(names);
  }
}
