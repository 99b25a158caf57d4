// SPDX-License-Identifier: Apache-2.0
/// Plots and the report of a run: self-contained SVG and HTML, made from the files in the run's
/// directory alone.
@NullMarked
package dev.longnet.core.report;

import org.jspecify.annotations.NullMarked;
