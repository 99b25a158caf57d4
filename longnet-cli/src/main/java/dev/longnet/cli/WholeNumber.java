// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.math.BigDecimal;
import picocli.CommandLine.TypeConversionException;

/// `4096`, `1e6`, `2.5e9`: a whole number, for every option that takes one.
final class WholeNumber {
  private static final String KIND = "a whole number, such as 4096 or 1e6";

  private WholeNumber() {}

  static long parseLong(String text) {
    return parse(text, Long.MIN_VALUE, Long.MAX_VALUE);
  }

  static int parseInt(String text) {
    return (int) parse(text, Integer.MIN_VALUE, Integer.MAX_VALUE);
  }

  private static long parse(String text, long min, long max) {
    BigDecimal number = DecimalNumber.exact(text, KIND);
    // Asked first: 1e999999999 would take gigabytes to write out.
    if (number.precision() - (long) number.scale() > 20
        || number.compareTo(BigDecimal.valueOf(max)) > 0
        || number.compareTo(BigDecimal.valueOf(min)) < 0) {
      throw new TypeConversionException("'" + text + "' is not between " + min + " and " + max);
    }
    if (number.signum() != 0 && number.stripTrailingZeros().scale() > 0) {
      throw new TypeConversionException("'" + text + "' is not " + KIND);
    }
    return number.longValue();
  }
}
