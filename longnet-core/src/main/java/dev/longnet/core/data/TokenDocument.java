// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

/// Where one document lies in a stream.
///
/// @param name its path within its source
/// @param firstToken position of its first token
/// @param tokens their number, the end-of-text token included
/// @param bytes size of its text
public record TokenDocument(String name, long firstToken, long tokens, long bytes) {}
