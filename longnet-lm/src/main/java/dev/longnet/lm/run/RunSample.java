// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.config.SampleConfig;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.stream.GeneratedText;
import dev.longnet.core.stream.Generator;
import dev.longnet.core.stream.NextToken;
import dev.longnet.core.stream.Sampler;
import dev.longnet.lm.inference.LoadedModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalInt;

/// The text that a run writes when it ends.
final class RunSample {
  private RunSample() {}

  /// Writes `sample.txt`.
  ///
  /// @param wanted of at least one token
  /// @return the prompt and what follows it
  static String write(SampleConfig wanted, LoadedModel model, Path run) throws IOException {
    Tokenizer tokenizer = model.tokenizer();
    int[] prompt = tokenizer.encode(wanted.prompt().getBytes(StandardCharsets.UTF_8));
    int[] beginning = new int[prompt.length + 1];
    beginning[0] = tokenizer.endOfText();
    System.arraycopy(prompt, 0, beginning, 1, prompt.length);
    Sampler sampler =
        Sampler.of(wanted.temperature(), wanted.topK(), wanted.topP(), wanted.seed())
            .over(tokenizer);
    GeneratedText characters = new GeneratedText(tokenizer);
    characters.read(beginning);
    StringBuilder text = new StringBuilder(wanted.prompt());
    try (NextToken stream = model.nextToken()) {
      Generator generator = new Generator(sampler, wanted.tokens(), tokenizer.endOfText());
      OptionalInt token = generator.next(stream.read(beginning));
      while (token.isPresent()) {
        int[] chosen = {token.getAsInt()};
        text.append(characters.next(chosen[0]));
        token = generator.ended() ? OptionalInt.empty() : generator.next(stream.read(chosen));
      }
    }
    text.append(characters.end());
    AtomicFiles.writeString(run.resolve("sample.txt"), text + "\n");
    return text.toString();
  }
}
