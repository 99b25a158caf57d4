/// How long an encoder of embeddings takes, and how much memory.
package dev.longnet.experiments.encode;
