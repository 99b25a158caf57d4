/// What is in a corpus: lengths of its documents, drawn.
package dev.longnet.experiments.corpus;
