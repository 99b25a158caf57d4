// SPDX-License-Identifier: Apache-2.0
/// What is in a corpus: lengths of its documents, drawn.
@NullMarked
package dev.longnet.experiments.corpus;

import org.jspecify.annotations.NullMarked;
