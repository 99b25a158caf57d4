// SPDX-License-Identifier: Apache-2.0
/// Streaming inference: a causal model that reads any number of tokens in chunks of any size and
/// keeps only what later tokens still need (docs/longnet.md, section 5). Plain Java: nothing here
/// needs libtorch.
///
/// - [StreamingModel]: weights, loaded once, for any number of threads.
/// - [StreamState]: what one stream remembers, a [dev.longnet.core.stream.mixer.MixerMemory] for
///   each layer. [StateFile] writes and reads it.
/// - [StreamSession]: threads and working memory that read streams, one call after another.
/// - [Generator], [Sampler]: which token comes next and when a text ends.
/// - [StreamInput], [StreamRun]: files as one stream of tokens, read to their end.
///
/// *Stream* here is a sequence of tokens that a model reads, of any length. [TextStream] is the
/// other way: bytes of tokens that become characters as they come. A
/// [dev.longnet.core.data.TokenStream] is a corpus that training draws windows from.
///
/// Legend: n tokens of a chunk, C hidden width, H heads, D head size, F feed-forward width, V
/// vocabulary, w segment length, r dilation.
@NullMarked
package dev.longnet.core.stream;

import org.jspecify.annotations.NullMarked;
