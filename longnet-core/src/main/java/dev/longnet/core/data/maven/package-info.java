// SPDX-License-Identifier: Apache-2.0
/// Sources that are artifacts of Maven repositories. Alone needs Maven's resolver, which
/// `longnet-core` itself does not bring along.
@NullMarked
package dev.longnet.core.data.maven;

import org.jspecify.annotations.NullMarked;
