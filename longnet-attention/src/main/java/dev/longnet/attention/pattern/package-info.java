/// Who attends to whom, in integers: no tensors, no memory, no arithmetic on values.
///
/// Legend: N tokens, H heads, w segment length, r dilation.
package dev.longnet.attention.pattern;
