// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/// A message whose fields are told apart from its words.
///
/// @param format as [String#format] takes it
/// @param arguments of the format, [Field]s among them
public record FieldMessage(String format, List<Object> arguments) {
  /// Around each field of a message on its way. No line of ours has it, and it is no white space.
  private static final char MARK = '\u0001';

  public FieldMessage {
    arguments = List.copyOf(arguments);
  }

  public static FieldMessage of(String format, Object... arguments) {
    return new FieldMessage(format, List.of(arguments));
  }

  /// The message of an exception, in its first line. One without a message has its name.
  public static FieldMessage of(Throwable e) {
    String marked =
        switch (e) {
          case FieldException user -> user.message(FieldMessage::mark);
          case EnvironmentException environment -> environment.message(FieldMessage::mark);
          default ->
              e.getMessage() == null || e.getMessage().isBlank() ? e.toString() : e.getMessage();
        };
    return ofMarked(marked.strip().lines().findFirst().orElse(""));
  }

  /// As text in which the fields stand out, for another process, see [#ofMarked].
  public String marked() {
    return text(FieldMessage::mark);
  }

  /// A field that stands out.
  public static String mark(Field field) {
    return MARK + field.toString() + MARK;
  }

  /// What [#marked] said.
  public static FieldMessage ofMarked(String marked) {
    String[] parts = marked.split(String.valueOf(MARK), -1);
    List<Object> arguments = new ArrayList<>();
    for (int i = 0; i < parts.length; i++) {
      if (i % 2 == 0) {
        arguments.add(parts[i]);
        continue;
      }
      String[] words = parts[i].split("=", 2);
      arguments.add(
          new Field(words[0], words.length == 1 ? Optional.empty() : Optional.of(words[1])));
    }
    return new FieldMessage("%s".repeat(parts.length), arguments);
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
