// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ResourceStackTest {
  private final List<String> closed = new ArrayList<>();

  private Closeable resource(String name) {
    return () -> closed.add(name);
  }

  private AutoCloseable failing(String name, Exception failure) {
    return () -> {
      closed.add(name);
      throw failure;
    };
  }

  @Test
  void theLastOneOpenedIsClosedFirstAndEachOnce() throws IOException {
    ResourceStack stack = new ResourceStack();
    Closeable first = resource("first");
    assertThat(stack.push(first)).isSameAs(first);
    stack.push(resource("second"));
    stack.close();
    stack.close();
    assertThat(closed).containsExactly("second", "first");
  }

  @Test
  void aFailureKeepsNoneOpen() {
    ResourceStack stack = new ResourceStack();
    IOException late = new IOException("late");
    IllegalStateException early = new IllegalStateException("early");
    stack.push(resource("a"));
    stack.push(failing("b", late));
    stack.push(failing("c", early));
    stack.push(resource("d"));
    assertThatThrownBy(stack::close).isSameAs(early).hasSuppressedException(late);
    assertThat(closed).containsExactly("d", "c", "b", "a");
  }

  @Test
  void anOpeningThatFailedKeepsItsOwnCause() {
    ResourceStack stack = new ResourceStack();
    IOException closing = new IOException("closing");
    stack.push(resource("a"));
    stack.push(failing("b", closing));
    IllegalArgumentException cause = new IllegalArgumentException("opening");
    stack.closeAfter(cause);
    assertThat(cause).hasSuppressedException(closing);
    assertThat(closed).containsExactly("b", "a");
  }
}
