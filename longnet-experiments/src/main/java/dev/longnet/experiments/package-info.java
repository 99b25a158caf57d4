// SPDX-License-Identifier: Apache-2.0
/// Benchmarks that verify before they time, reports and plots.
@NullMarked
package dev.longnet.experiments;

import org.jspecify.annotations.NullMarked;
