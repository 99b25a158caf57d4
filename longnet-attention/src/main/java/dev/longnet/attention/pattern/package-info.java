// SPDX-License-Identifier: Apache-2.0
/// Patterns say who attends to whom, in integers. They know no tensors, no memory and no values.
///
/// Legend: N tokens, H heads, w segment length, r dilation.
package dev.longnet.attention.pattern;
