// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.source.SourceState;
import java.util.List;

/// A corpus as a build of its shards finds it.
///
/// @param key of the configuration, see [CorpusKey]
/// @param states of the configuration's sources, in their order
/// @param rule which documents are held out
record CorpusSnapshot(
    CorpusConfig config,
    Tokenizer tokenizer,
    String key,
    List<SourceState> states,
    SplitRule rule) {
  CorpusSnapshot {
    states = List.copyOf(states);
  }
}
