/// Dilated attention (LongNet, Ding et al. 2023) on a CPU, with no dependency but the JDK.
///
/// Legend: B batch, N tokens, H heads, D head size, w segment length, r dilation.
package dev.longnet.attention;
