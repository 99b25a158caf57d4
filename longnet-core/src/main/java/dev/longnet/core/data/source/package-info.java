// SPDX-License-Identifier: Apache-2.0
/// Where documents come from: directories, archives, rows of files. Readers never trust what they
/// read: what is broken or hostile becomes an entry that says so.
@NullMarked
package dev.longnet.core.data.source;

import org.jspecify.annotations.NullMarked;
