// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One golden case: float32 tensors and settings of a safetensors file whose header is known to be
/// well-formed.
record GoldenFile(String name, String header, MemorySegment data) {
  static GoldenFile read(String name) {
    try (InputStream in =
        GoldenFile.class.getResourceAsStream("/golden/attention/" + name + ".safetensors")) {
      byte[] bytes = in.readAllBytes();
      long headerBytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
      int dataStart = Math.toIntExact(8 + headerBytes);
      MemorySegment data =
          MemorySegment.ofArray(Arrays.copyOfRange(bytes, dataStart, bytes.length));
      return new GoldenFile(
          name, new String(bytes, 8, dataStart - 8, StandardCharsets.UTF_8), data);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  DilatedAttentionSpec spec() {
    return DilatedAttentionSpec.of(
        longs(setting("segment_lengths")),
        longs(setting("dilation_ratios")),
        Boolean.parseBoolean(setting("causal")),
        HeadOffsets.valueOf(setting("head_offsets").toUpperCase()));
  }

  long[] shape(String tensor) {
    return longs(find("\"" + tensor + "\":\\s*\\{[^}]*\"shape\":\\s*\\[([^]]*)]"));
  }

  MemorySegment floats(String tensor) {
    long[] offsets = longs(find("\"" + tensor + "\":\\s*\\{[^}]*\"data_offsets\":\\s*\\[([^]]*)]"));
    return data.asSlice(offsets[0], offsets[1] - offsets[0]);
  }

  AttentionTensor tensor(String tensor) {
    long[] shape = shape(tensor);
    return AttentionTensor.contiguous(
        floats(tensor), ElementType.FLOAT32, shape[0], shape[1], (int) shape[2], (int) shape[3]);
  }

  double[] values(String tensor) {
    MemorySegment floats = floats(tensor);
    double[] values = new double[(int) (floats.byteSize() / 4)];
    Arrays.setAll(values, i -> floats.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i));
    return values;
  }

  private String setting(String key) {
    return find("\"" + key + "\":\\s*\"([^\"]*)\"");
  }

  private String find(String regex) {
    Matcher matcher = Pattern.compile(regex).matcher(header);
    if (!matcher.find()) {
      throw new IllegalStateException(name + " has no " + regex);
    }
    return matcher.group(1);
  }

  private static long[] longs(String list) {
    return Arrays.stream(list.replaceAll("[\\[\\] ]", "").split(","))
        .mapToLong(Long::parseLong)
        .toArray();
  }
}
