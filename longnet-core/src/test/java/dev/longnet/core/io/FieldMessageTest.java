// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class FieldMessageTest {
  private static String angled(FieldMessage message) {
    return message.text(field -> "<" + field + ">");
  }

  @Test
  void fieldsAreToldApartInAnotherProcessToo() {
    FieldMessage message =
        FieldMessage.of(
            "100 %% of %s: %s or %s", "50% of it", Field.of("run", "a=b"), Field.of("resume"));
    FieldMessage there = FieldMessage.ofMarked("rank 1: " + message.marked());
    assertThat(angled(there)).isEqualTo("rank 1: 100 % of 50% of it: <run=a=b> or <resume>");
    assertThat(there).hasToString("rank 1: 100 % of 50% of it: run=a=b or resume");
  }

  @Test
  void anExceptionSaysItsFirstLine() {
    assertThat(
            angled(
                FieldMessage.of(
                    new EnvironmentException(
                        FieldMessage.of("no room: %s\nmore", Field.of("checkpoint.keep", 1))))))
        .isEqualTo("no room: <checkpoint.keep=1>");
    assertThat(angled(FieldMessage.of(new FieldException("%s!", Field.of("run")))))
        .isEqualTo("<run>!");
    assertThat(FieldMessage.of(new IOException("100 % full"))).hasToString("100 % full");
    assertThat(FieldMessage.of(new IOException())).hasToString("java.io.IOException");
  }
}
