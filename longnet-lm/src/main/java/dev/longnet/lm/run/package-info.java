// SPDX-License-Identifier: Apache-2.0
/// A run from beginning to end: tokenize, train, evaluate, sample, report. A command line, an
/// experiment and a cluster's job call it alike.
@NullMarked
package dev.longnet.lm.run;

import org.jspecify.annotations.NullMarked;
