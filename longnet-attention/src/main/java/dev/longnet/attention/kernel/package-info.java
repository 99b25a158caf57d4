/// How attention is computed: one accumulating primitive,
/// [dev.longnet.attention.kernel.AttentionKernel], a plain scalar implementation and one for the
/// Vector API. Nothing here knows segments, dilations or branches.
package dev.longnet.attention.kernel;
