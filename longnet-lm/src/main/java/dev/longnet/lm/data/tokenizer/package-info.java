/// Tokenizers behind [dev.longnet.lm.data.Tokenizer]: bytes, OpenAI's, Hugging Face's, and
/// byte-level BPE trained here.
package dev.longnet.lm.data.tokenizer;
