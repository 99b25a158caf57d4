/// Streaming inference: a causal model that reads any number of tokens in chunks of any size and
/// keeps only what later tokens can still attend to (docs/longnet.md, section 5). Plain Java:
/// nothing here needs libtorch.
///
/// Legend: n tokens of a chunk, C hidden width, H heads, D head size, F feed-forward width, V
/// vocabulary, w segment length, r dilation.
package dev.longnet.core.stream;
