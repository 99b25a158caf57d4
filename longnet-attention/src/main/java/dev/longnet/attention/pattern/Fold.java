// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// One piece of an attention pattern. Every query row attends to every key row; in a causal
/// pattern, to those at its own position or before.
public record Fold(Rows queries, Rows keys) {}
