/// libtorch from Java: loading, memory, operators of the dispatcher. Knows no model.
package dev.longnet.lm.torch;
