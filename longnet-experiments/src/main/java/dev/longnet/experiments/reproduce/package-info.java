// SPDX-License-Identifier: Apache-2.0
/// The paper's experiments, repeated. A [Reproduction] says which runs it needs, measures each
/// finished one and makes a table of what they left. [Reproduce] carries the runs out and goes on
/// where an earlier process ended. Each finished run leaves an [Evidence]; tables and plots are
/// made from these alone.
@NullMarked
package dev.longnet.experiments.reproduce;

import org.jspecify.annotations.NullMarked;
