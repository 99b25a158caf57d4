/// Files: atomic writes, safetensors, and the errors that are the environment's. No libtorch here.
package dev.longnet.core.io;
