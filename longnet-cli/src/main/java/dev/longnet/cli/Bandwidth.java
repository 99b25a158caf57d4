// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// `50`, `50GB/s`, `1Gbit/s`, `200 Mbit/s`: bytes a second. A number alone is of GB/s.
final class Bandwidth implements ITypeConverter<Double> {
  private static final Pattern FORM =
      Pattern.compile(
          "([0-9]+(?:\\.[0-9]+)?)\\s*(?:([KMGT]?)(bit|B)/s)?", Pattern.CASE_INSENSITIVE);

  @Override
  public Double convert(String text) {
    Matcher m = FORM.matcher(text.strip());
    if (!m.matches() || Double.parseDouble(m.group(1)) <= 0) {
      throw new TypeConversionException(
          "'" + text + "' is not a bandwidth, such as 50GB/s or 1Gbit/s");
    }
    double number = Double.parseDouble(m.group(1));
    if (m.group(3) == null) {
      return number * 1e9;
    }
    int power = "KMGT".indexOf(m.group(2).toUpperCase(Locale.ROOT));
    double unit = m.group(2).isEmpty() ? 1 : Math.pow(1000, power + 1);
    return number * unit / (m.group(3).equalsIgnoreCase("bit") ? 8 : 1);
  }
}
