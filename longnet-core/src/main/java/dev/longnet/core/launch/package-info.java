// SPDX-License-Identifier: Apache-2.0
/// How a process learns which rank of how many it is: from options and the variables that launchers
/// set.
@NullMarked
package dev.longnet.core.launch;

import org.jspecify.annotations.NullMarked;
