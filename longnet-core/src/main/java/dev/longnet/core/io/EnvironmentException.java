package dev.longnet.core.io;

/// Something the machine lacks: disk space, memory, a native library, a JDK with sources. The
/// message is one line that says what is missing and the remedy. The command line prints it and
/// exits with 1; a mistake of the user is an [IllegalArgumentException] instead and exits with 2.
public final class EnvironmentException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final String remedy;

  public EnvironmentException(String message) {
    super(message);
    this.remedy = message;
  }

  public EnvironmentException(String message, Throwable cause) {
    super(message, cause);
    this.remedy = message;
  }

  /// Never null, unlike other exceptions'.
  @Override
  public String getMessage() {
    return remedy;
  }
}
