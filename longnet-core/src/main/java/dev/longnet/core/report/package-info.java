/// Plots and the report of a run: self-contained SVG and HTML, made from the files in the run's
/// directory alone.
package dev.longnet.core.report;
