// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import java.util.Map;
import java.util.Optional;

/// Variables of the environment, read strictly: a value that is there must be a right one. An empty
/// variable is one that is not set.
record Variables(Map<String, String> all) {
  boolean has(String name) {
    return text(name).isPresent();
  }

  Optional<String> text(String name) {
    return Optional.ofNullable(all.get(name)).map(String::strip).filter(t -> !t.isEmpty());
  }

  /// @param why what is known so far and needs this variable, such as `RANK=1`
  String required(String name, String why) {
    return text(name)
        .orElseThrow(() ->
            new IllegalArgumentException(name + " must be set, it is not: " + why + " needs it"));
  }

  /// The first of the names that is set.
  String first(String why, String... names) {
    for (String name : names) {
      if (has(name)) {
        return name;
      }
    }
    throw new IllegalArgumentException(
        String.join(" or ", names) + " must be set, it is not: " + why + " needs it");
  }

  int number(String name, int least, int most, String why) {
    String value = required(name, why);
    long number = value.matches("[0-9]{1,10}") ? Long.parseLong(value) : -1;
    if (number < least || number > most) {
      throw new IllegalArgumentException(
          name
              + " must be a whole number "
              + (most == Integer.MAX_VALUE
                  ? "of at least " + least
                  : "from " + least + " to " + most)
              + ": "
              + name
              + "="
              + value);
    }
    return (int) number;
  }

  int number(String name, int least, int most, int otherwise) {
    return has(name) ? number(name, least, most, "") : otherwise;
  }

  /// A number below another variable's.
  int index(String name, int size, String sizeName, String why) {
    int index = number(name, 0, Integer.MAX_VALUE, why);
    if (index >= size) {
      throw new IllegalArgumentException(
          name + " must be less than " + sizeName + "=" + size + ": " + name + "=" + index);
    }
    return index;
  }

  int port(String name, String why) {
    return number(name, 1, 65_535, why);
  }

  /// `NAME=value`, for messages.
  String said(String name) {
    return name + "=" + all.getOrDefault(name, "");
  }
}
