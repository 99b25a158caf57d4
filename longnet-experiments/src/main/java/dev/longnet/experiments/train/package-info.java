// SPDX-License-Identifier: Apache-2.0
/// How fast models train: whole steps, beside the machine's matrix-product rate.
@NullMarked
package dev.longnet.experiments.train;

import org.jspecify.annotations.NullMarked;
