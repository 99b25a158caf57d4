// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// How a position enters queries and keys: xPos (rotation and decay, the paper's choice), RoPE
/// (rotation alone), none.
public enum PositionEncoding {
  XPOS,
  ROPE,
  NONE
}
