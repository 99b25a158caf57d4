package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
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

  @Test
  void feedsBackWhatItChose() {
    Counting model = new Counting();
    List<Integer> out = new ArrayList<>();
    Generator.Summary summary =
        Generator.generate(model, Sampler.greedy(), model.read(new int[] {1, 2}), 3, END, out::add);
    assertThat(out).containsExactly(3, 4, 5);
    assertThat(model.read).as("the last token need not be read").containsExactly(1, 2, 3, 4);
    assertThat(summary.tokens()).isEqualTo(3);
    assertThat(summary.ended()).isFalse();
    assertThat(summary.last()).as("for who saves what was read").isEqualTo(5);
  }

  @Test
  void stopsAtTheEndOfText() {
    List<Integer> out = new ArrayList<>();
    Counting model = new Counting();
    Generator.Summary summary =
        Generator.generate(model, Sampler.greedy(), model.read(new int[] {7}), 100, END, out::add);
    assertThat(out).containsExactly(8);
    assertThat(summary.ended()).isTrue();
    assertThat(summary.tokens()).isEqualTo(2);
    assertThat(summary.last()).isEqualTo(END);
  }

  @Test
  void refusesNoTokens() {
    assertThatThrownBy(() ->
            Generator.generate(new Counting(), Sampler.greedy(), new float[3], 0, END, t -> {}))
        .hasMessageContaining("maxTokens=0");
  }
}
