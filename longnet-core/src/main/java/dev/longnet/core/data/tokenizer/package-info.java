/// Tokenizers behind [dev.longnet.core.data.Tokenizer]: bytes, OpenAI's, Hugging Face's, and
/// byte-level BPE trained here.
package dev.longnet.core.data.tokenizer;
