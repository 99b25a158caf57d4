// SPDX-License-Identifier: Apache-2.0
/// Typed, validated configuration: the model, the corpus, the run. No libtorch here.
@NullMarked
package dev.longnet.core.config;

import org.jspecify.annotations.NullMarked;
