// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class GeneratorTest {
  private static final int END = 9;

  /// Counts up: after token t comes t + 1.
  private static final class Counting implements NextToken {
    final List<Integer> read = new ArrayList<>();

    @Override
    public float[] read(int[] tokens) {
      for (int token : tokens) {
        read.add(token);
      }
      float[] logits = new float[10];
      logits[tokens[tokens.length - 1] + 1] = 5;
      return logits;
    }

    @Override
    public void close() {}
  }

  /// What comes out until the generator ends.
  private static List<Integer> drive(Generator generator, Counting model, int... prompt) {
    List<Integer> out = new ArrayList<>();
    OptionalInt token = generator.next(model.read(prompt));
    while (token.isPresent()) {
      out.add(token.getAsInt());
      token =
          generator.ended()
              ? OptionalInt.empty()
              : generator.next(model.read(new int[] {token.getAsInt()}));
    }
    return out;
  }

  @Test
  void endsAfterTheTokensWanted() {
    Counting model = new Counting();
    Generator generator = new Generator(Sampler.greedy(), 3, END);
    assertThat(drive(generator, model, 1, 2)).containsExactly(3, 4, 5);
    assertThat(model.read).as("the last token need not be read").containsExactly(1, 2, 3, 4);
    assertThat(generator.tokens()).isEqualTo(3);
    assertThat(generator.end()).contains(Generator.End.MAX_TOKENS);
    assertThat(generator.last()).as("for who saves what was read").isEqualTo(5);
  }

  @Test
  void endsAtTheEndOfText() {
    Generator generator = new Generator(Sampler.greedy(), 100, END);
    assertThat(drive(generator, new Counting(), 7)).containsExactly(8);
    assertThat(generator.end()).contains(Generator.End.END_OF_TEXT);
    assertThat(generator.tokens()).isEqualTo(2);
    assertThat(generator.last()).isEqualTo(END);
  }

  @Test
  void endsWhereItIsStopped() {
    Generator generator = new Generator(Sampler.greedy(), 100, END);
    assertThat(generator.next(new Counting().read(new int[] {1}))).hasValue(2);
    assertThat(generator.ended()).isFalse();
    generator.stop();
    assertThat(generator.end()).contains(Generator.End.STOPPED);
    assertThat(generator.last()).isEqualTo(2);
    assertThatThrownBy(() -> generator.next(new float[10]))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("STOPPED");
  }

  @Test
  void refusesNoTokens() {
    assertThatThrownBy(() -> new Generator(Sampler.greedy(), 0, END))
        .hasMessageContaining("maxTokens=0");
  }
}
