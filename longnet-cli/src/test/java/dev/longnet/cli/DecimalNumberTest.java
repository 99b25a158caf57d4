// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class DecimalNumberTest {
  @ParameterizedTest
  @CsvSource({"0.7,0.7", "25,25", "1e-3,0.001", "-2.5,-2.5", "' 1 ',1", "1e-999,0"})
  void finiteNumbersAreRead(String text, double number) {
    assertThat(DecimalNumber.parse(text)).isEqualTo(number);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "NaN", "Infinity", "0x1p3", "7d", "1,5", "۷", "1e", "--"})
  void allElseIsRefusedByItsValue(String text) {
    assertThatThrownBy(() -> DecimalNumber.parse(text))
        .isInstanceOf(TypeConversionException.class)
        .hasMessage("'" + text + "' is not a number, such as 0.7 or 1e-3");
  }

  @Test
  void aNumberThatNoDoubleHoldsIsRefused() {
    assertThatThrownBy(() -> DecimalNumber.parse("1e999"))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageStartingWith("'1e999' is not between -1.79");
  }

  @ParameterizedTest
  @ValueSource(strings = {"generate --temperature", "bench train --warm-up", "eval --validation"})
  void everyOptionThatTakesOneSaysSo(String words) {
    Cli.refused(
        "'NaN' is not a number, such as 0.7 or 1e-3", (Object[]) (words + "=NaN").split(" ", -1));
  }
}
