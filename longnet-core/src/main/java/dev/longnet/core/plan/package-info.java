// SPDX-License-Identifier: Apache-2.0
/// What a run on many ranks will need and how long its steps will take, before it starts: geometry
/// counted from the pattern, rates from a device's description or from what was measured here.
@NullMarked
package dev.longnet.core.plan;

import org.jspecify.annotations.NullMarked;
