// SPDX-License-Identifier: Apache-2.0
/// The command line. One class a command; errors become one line and an exit code in
/// [dev.longnet.cli.Main].
@NullMarked
package dev.longnet.cli;

import org.jspecify.annotations.NullMarked;
