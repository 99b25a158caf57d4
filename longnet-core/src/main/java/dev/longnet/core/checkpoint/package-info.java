/// Checkpoints and runs as directories: written whole or not at all, checked when they are opened.
package dev.longnet.core.checkpoint;
