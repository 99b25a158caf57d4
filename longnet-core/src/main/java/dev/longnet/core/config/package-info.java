/// Typed, validated configuration: the model, the corpus, the run. No libtorch here.
package dev.longnet.core.config;
