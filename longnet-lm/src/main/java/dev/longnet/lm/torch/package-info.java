/// libtorch from Java: loading, memory, operators of the dispatcher, the bridge between attention kernels and autograd.
package dev.longnet.lm.torch;
