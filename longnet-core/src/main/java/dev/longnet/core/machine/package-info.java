// SPDX-License-Identifier: Apache-2.0
/// What this machine is and what this process holds of it.
@NullMarked
package dev.longnet.core.machine;

import org.jspecify.annotations.NullMarked;
