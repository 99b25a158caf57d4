// SPDX-License-Identifier: Apache-2.0
/// How long an encoder of embeddings takes, and how much memory.
@NullMarked
package dev.longnet.experiments.encode;

import org.jspecify.annotations.NullMarked;
