// SPDX-License-Identifier: Apache-2.0
/// The command line. One class a command; errors become one line and an exit code in
/// [dev.longnet.cli.Main].
package dev.longnet.cli;
