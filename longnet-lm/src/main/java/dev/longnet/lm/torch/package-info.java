// SPDX-License-Identifier: Apache-2.0
/// libtorch from Java: loading, memory, operators of the dispatcher. Knows no model.
@NullMarked
package dev.longnet.lm.torch;

import org.jspecify.annotations.NullMarked;
