/// Training: optimizer, schedule, checkpoints, metrics, the loop.
package dev.longnet.lm.train;
