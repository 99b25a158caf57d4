// SPDX-License-Identifier: Apache-2.0
/// Documents to token shards: parallel, in order, resumable after a kill.
@NullMarked
package dev.longnet.core.data.pipeline;

import org.jspecify.annotations.NullMarked;
