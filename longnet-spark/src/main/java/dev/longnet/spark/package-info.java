// SPDX-License-Identifier: Apache-2.0
/// Ranks as tasks of a Spark barrier stage. Spark's JVMs run none of LongNet's other modules: the
/// driver starts `longnet train`, which asks it for ranks, and each task starts one.
@NullMarked
package dev.longnet.spark;

import org.jspecify.annotations.NullMarked;
