// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.Optional;

/// A setting that a message speaks of, by its name in the library. A program with other names for
/// its settings, as a command line has flags, says the message again in its own, see
/// [FieldMessage#text].
///
/// @param name a parameter's, a record component's, or a recipe's key such as `training.steps`
/// @param value what the field is or should be; empty where the message speaks of the field as such
public record Field(String name, Optional<String> value) {
  public static Field of(String name) {
    return new Field(name, Optional.empty());
  }

  public static Field of(String name, Object value) {
    return new Field(name, Optional.of(value.toString()));
  }

  /// `name`, or `name=value`.
  @Override
  public String toString() {
    return value.map(v -> name + "=" + v).orElse(name);
  }
}
