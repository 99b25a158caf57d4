/// Benchmarks of streaming inference: time and memory against tokens.
package dev.longnet.experiments.stream;
