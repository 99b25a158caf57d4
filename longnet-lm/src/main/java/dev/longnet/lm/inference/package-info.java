// SPDX-License-Identifier: Apache-2.0
/// Evaluation, sampling, streaming.
@NullMarked
package dev.longnet.lm.inference;

import org.jspecify.annotations.NullMarked;
