// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// The text a run writes when it ends.
///
/// @param tokens 0: no sample
/// @param temperature 0: always the likeliest token
/// @param topK 0: all tokens
/// @param topP 1: all tokens
public record SampleConfig(
    String prompt, int tokens, double temperature, int topK, double topP, long seed) {
  static SampleConfig read(Section s) {
    SampleConfig result =
        new SampleConfig(
            s.text("prompt", ""),
            s.integer("tokens", 512, 0),
            s.number("temperature", 0.7, 0, 100),
            s.integer("top_k", 0, 0),
            s.number("top_p", 0.95, 1e-6, 1),
            s.wholeNumber("seed", 1, 0));
    s.done();
    return result;
  }
}
