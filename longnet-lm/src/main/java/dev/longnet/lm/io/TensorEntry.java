package dev.longnet.lm.io;

import java.lang.foreign.MemorySegment;

/// A tensor in a file: little-endian elements in row-major order.
public record TensorEntry(String name, DType type, long[] shape, MemorySegment data) {}
