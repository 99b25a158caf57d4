// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WholeNumberTest {
  @ParameterizedTest
  @CsvSource({
    "4096, 4096",
    "1e6, 1000000",
    "2.5e9, 2500000000",
    "-1, -1",
    "0, 0",
    "0e5, 0",
    "1.0, 1",
    "9223372036854775807, 9223372036854775807"
  })
  void isRead(String text, long number) {
    assertThat(WholeNumber.parseLong(text)).isEqualTo(number);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "abc",
        "1.5",
        "1e-3",
        "1e999999999",
        "1e-999999999",
        "9223372036854775808",
        "NaN",
        "0x10",
        "1 000",
        "٣",
        "４０"
      })
  void isRefused(String text) {
    assertThatThrownBy(() -> WholeNumber.parseLong(text))
        .hasMessageContaining("'" + text + "' is not");
  }

  @ParameterizedTest
  @ValueSource(strings = {"3e9", "-2147483649"})
  void isRefusedWhereAnIntIsTooSmall(String text) {
    assertThatThrownBy(() -> WholeNumber.parseInt(text))
        .hasMessageContaining("is not between -2147483648 and 2147483647");
  }
}
