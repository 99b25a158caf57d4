// SPDX-License-Identifier: Apache-2.0
/// What mixes the tokens of a layer, as a stream sees it. A [StreamMixer] is a layer's weights and
/// geometry, shared by all streams of a model. A [MixerMemory] is what one stream remembers of one
/// layer. [Work] is what a session lends to both while they compute. Both live in memory that their
/// stream or session owns, and close nothing.
///
/// Attention is the first inhabitant. Its memory ([AttentionMemory]) holds the keys and values that
/// later tokens may still see: which ones those are follows from the positions alone ([LiveRows]).
///
/// A new mixer is a [StreamMixer] and a [MixerMemory], and one case of the switch in
/// [StreamMixers].
///
/// Legend: T rows of a chunk or a step, C hidden width, H heads, D head size, w segment length, r
/// dilation.
@NullMarked
package dev.longnet.core.stream.mixer;

import org.jspecify.annotations.NullMarked;
