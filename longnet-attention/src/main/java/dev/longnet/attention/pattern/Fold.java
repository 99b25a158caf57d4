package dev.longnet.attention.pattern;

/// One piece of an attention pattern: every query row attends to every key row (to those at its own
/// position or before when the pattern is causal).
public record Fold(Rows queries, Rows keys) {}
