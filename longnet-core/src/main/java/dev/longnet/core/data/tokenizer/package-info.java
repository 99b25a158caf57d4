// SPDX-License-Identifier: Apache-2.0
/// Tokenizers behind [dev.longnet.core.data.Tokenizer]: bytes, OpenAI's, Hugging Face's, and
/// byte-level BPE trained here.
@NullMarked
package dev.longnet.core.data.tokenizer;

import org.jspecify.annotations.NullMarked;
