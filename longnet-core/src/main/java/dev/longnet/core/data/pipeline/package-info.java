/// Documents to token shards: parallel, in order, resumable after a kill.
package dev.longnet.core.data.pipeline;
