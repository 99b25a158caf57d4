// SPDX-License-Identifier: Apache-2.0
/// Benchmarks of streaming inference: time and memory against tokens.
@NullMarked
package dev.longnet.experiments.stream;

import org.jspecify.annotations.NullMarked;
