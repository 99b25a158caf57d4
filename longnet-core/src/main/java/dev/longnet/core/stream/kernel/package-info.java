/// The arithmetic of inference in plain Java: matrix products with weights packed once (float32 or
/// int8), layer norm, GELU, rotation, log-sum-exp, attention of one query. A vector implementation
/// and its scalar twin.
///
/// Kernels work on addresses of off-heap memory; their callers (dev.longnet.core.stream) own it and
/// know its size. Legend: T tokens, C hidden width, H heads, D head size, F feed-forward width, V
/// vocabulary.
@NullMarked
package dev.longnet.core.stream.kernel;

import org.jspecify.annotations.NullMarked;
