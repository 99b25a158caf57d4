// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.io.Numbers;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.WeightFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Which tensors are written, each checked; every tensor of the stack must be accounted for.
final class ImportPlan {
  private final WeightFiles weights;
  private final Map<String, String> stack;
  private final Map<String, String> around;
  private final String file;
  private final SequencedMap<String, TensorEntry> taken = new LinkedHashMap<>();
  private final Map<String, String> names = new LinkedHashMap<>();

  ImportPlan(WeightFiles weights, StateDict dict, String file) {
    this.weights = weights;
    this.stack = new LinkedHashMap<>(dict.stack());
    this.around = new LinkedHashMap<>(dict.around());
    this.file = file;
  }

  /// @return null when there is none
  @Nullable TensorEntry around(String name) {
    String original = around.get(name);
    return original == null ? null : weights.tensor(original);
  }

  void take(Parameter parameter) {
    take(parameter.name(), stack.remove(parameter.name()), parameter.dimensions());
  }

  /// @param norm what the file calls the norm after pooling
  void takeEncoder(Parameter parameter, @Nullable String norm) {
    String name = parameter.name();
    if (stack.containsKey(name)) {
      take(parameter);
    } else {
      String theirs = name.startsWith("norm.") ? norm + name.substring(4) : name;
      take(name, around.remove(theirs), parameter.dimensions());
    }
  }

  private void take(String name, @Nullable String original, long[] shape) {
    if (original == null) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "tensor %s %s is missing: %s", name, Arrays.toString(shape), file));
    }
    TensorEntry t = weights.tensor(original);
    // A convolution's kernel over whole patches is a matrix over flattened ones.
    boolean same =
        Arrays.equals(t.shape(), shape)
            || name.equals("patch_embed.proj.weight")
                && t.shape().length == 4
                && t.shape()[0] == shape[0]
                && t.elements() == shape[0] * shape[1];
    if (!same || !Numbers.isFloating(t.type())) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s must be %s, floating: %s %s: %s",
              original,
              Arrays.toString(shape),
              t.type(),
              Arrays.toString(t.shape()),
              file));
    }
    taken.put(name, new TensorEntry(name, t.type(), t.shape(), t.data()));
    names.put(name, original);
  }

  void sameOrAbsent(String name, String as) {
    String original = stack.remove(name);
    if (original == null) {
      return;
    }
    TensorEntry shared = Objects.requireNonNull(taken.get(as));
    if (weights.tensor(original).data().mismatch(shared.data()) >= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s must equal %s, as the configuration shares them: %s",
              original,
              as,
              file));
    }
  }

  void xposOrAbsent(String name, ModelConfig config) {
    String original = stack.remove(name);
    if (original != null) {
      if (config.positions() != PositionEncoding.XPOS) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "tensor %s belongs to xPos, but the configuration says xpos_rel_pos=false: %s",
                original,
                file));
      }
      XposScale.check(weights.tensor(original), config.headSize(), file);
    }
  }

  void finish() {
    for (Map.Entry<String, String> e : stack.entrySet()) {
      if (!e.getKey().matches("(.*\\.)?version")) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "tensor %s is not part of the model that the configuration describes: %s",
                e.getValue(),
                file));
      }
      around.put(e.getKey(), e.getValue());
    }
  }

  Map<String, String> names() {
    return names;
  }

  void write(Path path, Map<String, String> metadata) throws IOException {
    SafetensorsWriter.write(path, metadata, new ArrayList<>(taken.values()));
    if (!around.isEmpty()) {
      List<TensorEntry> extra = new ArrayList<>();
      for (String original : around.values()) {
        extra.add(weights.tensor(original));
      }
      SafetensorsWriter.write(path.resolveSibling(TorchscaleImport.EXTRA), Map.of(), extra);
    }
  }

  TorchscaleImport.Result result(String kind) {
    long parameters = taken.values().stream().mapToLong(TensorEntry::elements).sum();
    return new TorchscaleImport.Result(
        kind, taken.size(), parameters, List.copyOf(around.values()));
  }
}
