// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What a file is by its first bytes, for messages about a file of the wrong kind.
public final class FileKind {
  static final String SAFETENSORS = "safetensors";

  private static final int HEAD = 512;

  private FileKind() {}

  /// A phrase such as `NumPy's .npz, a zip of arrays`; empty where the beginning says nothing.
  public static Optional<String> of(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return Optional.ofNullable(of(new String(in.readNBytes(HEAD), StandardCharsets.ISO_8859_1)));
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }

  /// @param head a byte a character
  private static @Nullable String of(String head) {
    if (head.startsWith("PK\u0003\u0004")) {
      return head.contains(".npy")
          ? "NumPy's .npz, a zip of arrays"
          : head.contains("data.pkl") || head.contains(".data/") || head.contains("/version")
              ? "PyTorch's torch.save, a zip"
              : "a zip";
    }
    if (head.startsWith("\u0093NUMPY")) {
      return "NumPy's .npy";
    }
    if (head.matches("(?s)\u0080[\u0001-\u0005].*")) {
      return "a pickle, as of an old torch.save";
    }
    if (head.startsWith("\u0089HDF")) {
      return "HDF5";
    }
    if (head.startsWith("GGUF")) {
      return "GGUF";
    }
    if (head.startsWith("PAR1")) {
      return "Parquet";
    }
    if (head.startsWith("\u001f\u008b")) {
      return "gzip-compressed";
    }
    if (head.startsWith("(\u00b5/\u00fd")) {
      return "zstd-compressed";
    }
    if (head.startsWith("version https://git-lfs")) {
      return "a Git LFS pointer: run git lfs pull";
    }
    if (head.stripLeading().matches("(?is)<(!doctype html|html).*")) {
      return "an HTML page";
    }
    if (head.matches("(?s).{8}\\{.*")) {
      return SAFETENSORS;
    }
    return null;
  }
}
