// SPDX-License-Identifier: Apache-2.0
/// Perplexity and bits per byte of held-out text, whatever scores it.
@NullMarked
package dev.longnet.core.evaluate;

import org.jspecify.annotations.NullMarked;
