// SPDX-License-Identifier: Apache-2.0
/// From files on disk to windows of token ids: corpus sources, tokenizers, mapped token shards,
/// batches. No libtorch here.
@NullMarked
package dev.longnet.core.data;

import org.jspecify.annotations.NullMarked;
