// SPDX-License-Identifier: Apache-2.0
/// The arithmetic of inference in plain Java: matrix products with weights packed once (float32 or
/// int8), layer norm, activations, rotation, log-sum-exp, attention of one query. A vector
/// implementation and its scalar twin.
///
/// Which JVM runs vector kernels, and off-heap memory as one segment, are the attention kernels'
/// own answers ([dev.longnet.attention.kernel.AttentionKernel#vectorsMissing],
/// [dev.longnet.attention.kernel.OffHeap]). The exponential is not theirs: its polynomial has one
/// term more and is 2^-126 where theirs is 0, so sharing it would move the bits of one of them.
///
/// Kernels work on addresses of off-heap memory ([NativeMemory]); their callers
/// (dev.longnet.core.stream) own it and know its size. Legend: T tokens, C hidden width, H heads, D
/// head size, F feed-forward width, V vocabulary.
@NullMarked
package dev.longnet.core.stream.kernel;

import org.jspecify.annotations.NullMarked;
