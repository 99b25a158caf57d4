// SPDX-License-Identifier: Apache-2.0
/// Training: optimizer, schedule, checkpoints, metrics, the loop.
@NullMarked
package dev.longnet.lm.train;

import org.jspecify.annotations.NullMarked;
