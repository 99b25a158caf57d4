// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

/// What a step of Adam multiplies and divides by, rounded once to float32.
///
/// @param scale of gradients
/// @param keep of values: 1 - learningRate * weightDecay where decay is decoupled, else 1
/// @param decay of values within gradients: weightDecay where it is not decoupled, else 0
/// @param newFirst 1 - beta1
/// @param oldSecond beta2
/// @param newSecond 1 - beta2
/// @param rootCorrection sqrt(1 - beta2^n)
/// @param stepSize learningRate / (1 - beta1^n)
record AdamFactors(
    float scale,
    float keep,
    float decay,
    float newFirst,
    float oldSecond,
    float newSecond,
    float rootCorrection,
    float epsilon,
    float stepSize) {
  static AdamFactors of(AdamStep step) {
    return new AdamFactors(
        (float) step.gradientScale(),
        step.decoupled() ? (float) (1 - step.learningRate() * step.weightDecay()) : 1,
        step.decoupled() ? 0 : (float) step.weightDecay(),
        (float) (1 - step.beta1()),
        (float) step.beta2(),
        (float) (1 - step.beta2()),
        (float) Math.sqrt(1 - Math.pow(step.beta2(), step.number())),
        (float) step.epsilon(),
        (float) (step.learningRate() / (1 - Math.pow(step.beta1(), step.number()))));
  }
}
