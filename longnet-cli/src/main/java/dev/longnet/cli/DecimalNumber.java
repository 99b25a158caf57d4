// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.math.BigDecimal;
import picocli.CommandLine.TypeConversionException;

/// `0.7`, `25`, `1e-3`: a finite number, for every option that takes one. Java's own reader takes
/// `NaN`, `0x1p3` and `7d` too.
final class DecimalNumber {
  private DecimalNumber() {}

  static double parse(String text) {
    double number = exact(text, "a number, such as 0.7 or 1e-3").doubleValue();
    if (Double.isInfinite(number)) {
      throw new TypeConversionException(
          "'" + text + "' is not between " + -Double.MAX_VALUE + " and " + Double.MAX_VALUE);
    }
    return number;
  }

  /// @param kind what the text should be, for the message
  static BigDecimal exact(String text, String kind) {
    try {
      // Java reads every script's digits; recipes and all else here have these ten.
      if (text.strip().chars().allMatch(c -> c < 128)) {
        return new BigDecimal(text.strip());
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new TypeConversionException("'" + text + "' is not " + kind);
  }
}
