// SPDX-License-Identifier: Apache-2.0
/// Weights from other frameworks and back: torchscale's decoders and encoders (LongViT,
/// Prov-GigaPath among them). Everything here moves bytes and names; numbers change only where a
/// type is asked for. No libtorch is started.
@NullMarked
package dev.longnet.core.weights;

import org.jspecify.annotations.NullMarked;
