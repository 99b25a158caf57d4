// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

/// One step of Adam: with g = gradientScale * gradient (plus weightDecay * value where it is not
/// decoupled),
///
///     m = beta1 m + (1 - beta1) g
///     v = beta2 v + (1 - beta2) g^2
///     value -= learningRate / (1 - beta1^n) * m / (sqrt(v / (1 - beta2^n)) + epsilon)
///
/// after `value *= 1 - learningRate * weightDecay` where it is (AdamW: Loshchilov and Hutter 2019).
///
/// @param number n, from 1
/// @param decoupled AdamW
public record AdamStep(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    boolean decoupled,
    double gradientScale,
    long number) {}
