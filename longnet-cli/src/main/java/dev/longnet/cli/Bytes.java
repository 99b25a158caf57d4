// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import picocli.CommandLine.ITypeConverter;

/// `5GB`, `512MiB`, `1000000`: a number of bytes.
final class Bytes implements ITypeConverter<Long> {
  @Override
  public Long convert(String text) {
    java.util.regex.Matcher m =
        java.util.regex.Pattern.compile("([0-9]{1,12})\\s*(?:([KMGT])(i?)B?|B?)")
            .matcher(text.strip());
    if (!m.matches()) {
      throw new IllegalArgumentException(
          "a size must be a number with B, KB, MB, GB, KiB, MiB or GiB: " + text);
    }
    long number = Long.parseLong(m.group(1));
    if (m.group(2) == null) {
      return number;
    }
    int power = "KMGT".indexOf(m.group(2)) + 1;
    for (int i = 0; i < power; i++) {
      number = Math.multiplyExact(number, m.group(3).isEmpty() ? 1000L : 1024L);
    }
    return number;
  }
}
