// SPDX-License-Identifier: Apache-2.0
/// Checkpoints and runs as directories: written whole or not at all, checked when they are opened.
@NullMarked
package dev.longnet.core.checkpoint;

import org.jspecify.annotations.NullMarked;
