// SPDX-License-Identifier: Apache-2.0
/// Files: atomic writes, safetensors, and the errors that are the environment's. No libtorch here.
@NullMarked
package dev.longnet.core.io;

import org.jspecify.annotations.NullMarked;
