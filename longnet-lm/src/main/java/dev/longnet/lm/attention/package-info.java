// SPDX-License-Identifier: Apache-2.0
/// Attention operators for the model: the pure-Java kernels on libtorch's tensors, and libtorch's
/// own flash kernels.
@NullMarked
package dev.longnet.lm.attention;

import org.jspecify.annotations.NullMarked;
