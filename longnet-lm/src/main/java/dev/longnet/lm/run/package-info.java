/// A run from beginning to end: tokenize, train, evaluate, sample, report. A command line, an
/// experiment and a cluster's job call it alike.
package dev.longnet.lm.run;
