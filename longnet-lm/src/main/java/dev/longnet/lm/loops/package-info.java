// SPDX-License-Identifier: Apache-2.0
/// Loops over rows of memory between matrix products: norms, activations, rotations, the loss, the
/// optimizer. Vector loops and their scalar twins.
@NullMarked
package dev.longnet.lm.loops;

import org.jspecify.annotations.NullMarked;
