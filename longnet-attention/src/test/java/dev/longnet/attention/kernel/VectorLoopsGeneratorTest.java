package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VectorLoopsGeneratorTest {
  @ParameterizedTest
  @ValueSource(ints = {128, 256, 512})
  void checkedInLoopsAreWhatTheGeneratorWrites(int bits) throws IOException {
    Path file = Path.of("src/main/java/dev/longnet/attention/kernel/VectorLoops" + bits + ".java");
    assertThat(Files.readString(file))
        .as("run VectorLoopsGenerator.main src/main/java/dev/longnet/attention/kernel")
        .isEqualTo(VectorLoopsGenerator.generate(bits));
  }
}
