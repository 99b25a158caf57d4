// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.Rows;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// The README's example, compiled and run; and that the README still shows it.
class ReadmeSnippetTest {
  private final Random random = new Random(1);

  @Test
  void theReadmesLinesRunDilatedAttention() {
    long tokens = 4096;
    int heads = 4;
    int headSize = 32;
    MemorySegment queries = floats(tokens * heads * headSize);
    MemorySegment keys = floats(tokens * heads * headSize);
    MemorySegment values = floats(tokens * heads * headSize);
    MemorySegment results = floats(tokens * heads * headSize);
    try (Arena arena = Arena.ofShared()) {
      // README
      var attention = DilatedAttention.of(DilatedAttentionSpec.paper(true));
      var q = AttentionTensor.float32(queries, 1, tokens, heads, headSize);
      var k = AttentionTensor.float32(keys, 1, tokens, heads, headSize);
      var v = AttentionTensor.float32(values, 1, tokens, heads, headSize);
      var out = AttentionTensor.float32(results, 1, tokens, heads, headSize);
      var lse = arena.allocate(4 * heads * tokens);
      attention.forward(new Qkv(q, k, v), new AttentionOutput(out, lse));
      // end
      Rows last = new Rows(tokens - 1, 1, 1);
      assertThat(out.rows(0, 3, last).get(0, 0)).isBetween(-1.0, 1.0).isNotZero();
    }
  }

  @Test
  void theReadmeShowsThisCode() throws IOException {
    String source =
        Files.readString(Path.of("src/test/java/dev/longnet/attention/ReadmeSnippetTest.java"));
    String snippet =
        source
            .substring(source.indexOf("// README\n") + 10, source.indexOf("      // end"))
            .lines()
            .map(String::strip)
            .collect(Collectors.joining("\n"));
    for (String readme : new String[] {"README.md", "../README.md"}) {
      assertThat(Files.readString(Path.of(readme))).contains("```java\n" + snippet + "\n```");
    }
  }

  private MemorySegment floats(long count) {
    float[] floats = new float[(int) count];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = random.nextFloat() * 2 - 1;
    }
    return MemorySegment.ofArray(floats);
  }
}
