/// From files on disk to windows of token ids: corpus sources, tokenizers, mapped token shards,
/// batches. No libtorch here.
package dev.longnet.core.data;
