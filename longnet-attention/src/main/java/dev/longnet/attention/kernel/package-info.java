// SPDX-License-Identifier: Apache-2.0
/// How attention is computed. [dev.longnet.attention.kernel.AttentionKernel] is the one primitive.
/// It has a plain scalar implementation and one for the Vector API. Nothing here knows segments,
/// dilations or branches.
package dev.longnet.attention.kernel;
