// SPDX-License-Identifier: Apache-2.0
/// Dilated attention (LongNet, Ding et al. 2023) on a CPU, with no dependency but the JDK.
///
/// [dev.longnet.attention.DilatedAttention] computes with a pattern of
/// `dev.longnet.attention.pattern` and a kernel of `dev.longnet.attention.kernel`.
///
/// Legend: B batch, N tokens, H heads, D head size, w segment length, r dilation.
package dev.longnet.attention;
