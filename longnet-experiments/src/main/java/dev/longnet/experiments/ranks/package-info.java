// SPDX-License-Identifier: Apache-2.0
/// Measures what a plan for many ranks needs to know of a machine.
@NullMarked
package dev.longnet.experiments.ranks;

import org.jspecify.annotations.NullMarked;
