/// Evaluation, sampling, streaming.
@NullMarked
package dev.longnet.lm.inference;

import org.jspecify.annotations.NullMarked;
