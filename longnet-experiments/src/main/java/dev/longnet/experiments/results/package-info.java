// SPDX-License-Identifier: Apache-2.0
/// Experiments, the tables they give, and the page that shows the tables. An [Experiment] says what
/// it claims and measures it; its [ResultTable] is written as JSON and shown in RESULTS.md.
@NullMarked
package dev.longnet.experiments.results;

import org.jspecify.annotations.NullMarked;
