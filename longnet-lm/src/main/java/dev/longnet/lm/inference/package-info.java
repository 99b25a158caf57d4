/// Evaluation, sampling, streaming.
package dev.longnet.lm.inference;
