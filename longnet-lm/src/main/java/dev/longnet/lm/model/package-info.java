// SPDX-License-Identifier: Apache-2.0
/// The decoder and encoder (MAGNETO: Sub-LN), their attention a constructor argument.
///
/// Legend: B batch, N tokens, H heads, D head size, C hidden width, V vocabulary.
@NullMarked
package dev.longnet.lm.model;

import org.jspecify.annotations.NullMarked;
