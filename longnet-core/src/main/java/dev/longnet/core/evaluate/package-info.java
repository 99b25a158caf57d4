/// Perplexity and bits per byte of held-out text, whatever scores it.
package dev.longnet.core.evaluate;
