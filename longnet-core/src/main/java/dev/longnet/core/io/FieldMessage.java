// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/// A message whose fields are told apart from its words.
///
/// @param format as [String#format] takes it
/// @param arguments of the format, [Field]s among them
public record FieldMessage(String format, List<Object> arguments) {
  public FieldMessage {
    arguments = List.copyOf(arguments);
  }

  public static FieldMessage of(String format, Object... arguments) {
    return new FieldMessage(format, List.of(arguments));
  }

  /// @param names what to call each field
  public String text(Function<Field, String> names) {
    return String.format(
        Locale.ROOT,
        format,
        arguments.stream().map(a -> a instanceof Field field ? names.apply(field) : a).toArray());
  }

  /// With the library's names.
  @Override
  public String toString() {
    return text(Field::toString);
  }
}
