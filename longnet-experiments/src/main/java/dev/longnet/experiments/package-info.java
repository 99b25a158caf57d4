/// Benchmarks that verify before they time, reports and plots.
package dev.longnet.experiments;
