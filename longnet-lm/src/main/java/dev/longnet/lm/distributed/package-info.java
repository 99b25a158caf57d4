// SPDX-License-Identifier: Apache-2.0
/// Ranks that train together: how they find one another, exchange rows and sums, and what happens
/// when one is lost.
@NullMarked
package dev.longnet.lm.distributed;

import org.jspecify.annotations.NullMarked;
