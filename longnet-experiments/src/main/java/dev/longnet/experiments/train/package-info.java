/// How fast models train: whole steps, beside the machine's matrix-product rate.
package dev.longnet.experiments.train;
