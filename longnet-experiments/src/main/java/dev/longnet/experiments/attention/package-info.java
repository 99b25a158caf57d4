// SPDX-License-Identifier: Apache-2.0
/// `longnet bench attention`: the operator against libtorch's dense attention and against dilated
/// attention as a PyTorch user writes it, verified before it is timed.
///
/// Legend: B batch, N tokens, H heads, D head size, w segment length, r dilation.
@NullMarked
package dev.longnet.experiments.attention;

import org.jspecify.annotations.NullMarked;
