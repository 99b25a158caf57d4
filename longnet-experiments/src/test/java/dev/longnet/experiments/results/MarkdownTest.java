// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MarkdownTest {
  @Test
  void aTableForPeople() {
    assertThat(Markdown.of(Tables.TABLE))
        .isEqualTo(
            """
            Claim: Time stays below 1 s.

            | what | command | tokens | time, s |
            | --- | --- | ---: | ---: |
            | a \\| b "&lt;c>" | `sed 's/\\|/x/'` | 1,048,576 | 12,832 |
            |  |  |  |  |
            | small | `x` | 7 | 2.70E-8 |
            | short | `x` | -3 | 0.590 |

            Measured: `longnet bench train --recipe 'a b'`; AMD &lt;EPYC>, 2 cores, 24 GiB, Linux amd64, 25.0.3; \
            commit c2415ce; 2026-11-27 07:48 UTC; seeds 1, 2.

            - One sentence.
            - Another \\ one \\| &lt;b>.
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "12831.7 4 12,832",
        "1283.17 4 1,283",
        "999.96 4 1,000",
        "1.5999 3 1.60",
        "1.590 0 1.590",
        "1.590 4 1.590",
        "0.00123456 3 0.00123",
        "1000000000 4 1,000,000,000",
        "1E+9 0 1,000,000,000",
        "0 3 0",
        "-12.345 3 -12.3",
        "3.45678E-11 3 3.46E-11",
      })
  void numbersShowWhatCounts(BigDecimal value, int digits, String shown) {
    assertThat(Markdown.number(value, digits)).isEqualTo(shown);
  }
}
