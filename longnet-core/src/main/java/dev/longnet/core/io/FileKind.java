// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What a file is by its first bytes, for messages about a file of the wrong kind.
public final class FileKind {
  /// A zip of whatever.
  public static final String ZIP = "a zip";

  public static final String LFS_POINTER = "a Git LFS pointer: run git lfs pull";
  public static final String HTML = "an HTML page";
  static final String SAFETENSORS = "safetensors";

  private static final int HEAD = 512;

  private static final Pattern PICKLE = Pattern.compile("\u0080[\u0001-\u0005]");
  private static final Pattern BZIP2 = Pattern.compile("BZh[1-9]1AY&SY");
  private static final Pattern PAGE =
      Pattern.compile("\\s*<(!doctype html|html)", Pattern.CASE_INSENSITIVE);

  /// The length of a header, less than 2^40, and a JSON object.
  private static final Pattern TENSORS = Pattern.compile("(?s).{5}\0{3}\\{");

  /// What is never read here, by its first bytes.
  private static final Map<String, String> OTHERS =
      Map.ofEntries(
          Map.entry("\u0004\"M\u0018", "lz4-compressed"),
          Map.entry("\u001f\u009d", "compressed by Unix compress"),
          Map.entry("LZIP", "lzip-compressed"),
          Map.entry("7z\u00bc\u00af'\u001c", "a 7z archive"),
          Map.entry("Rar!\u001a\u0007", "a RAR archive"),
          Map.entry("ARROW1", "an Arrow file"),
          Map.entry("ORC", "an ORC file"),
          Map.entry("Obj\u0001", "an Avro file"),
          Map.entry("SQLite format 3\0", "an SQLite database"),
          Map.entry("%PDF-", "a PDF document"),
          Map.entry("\u0089PNG\r\n", "a PNG picture"),
          Map.entry("\u00ff\u00d8\u00ff", "a JPEG picture"),
          Map.entry("GIF8", "a GIF picture"),
          Map.entry("\u007fELF", "a program of Linux"),
          Map.entry("\u00ca\u00fe\u00ba\u00be", "a Java class file"));

  private FileKind() {}

  /// A phrase such as `NumPy's .npz, a zip of arrays`; empty where the beginning says nothing.
  public static Optional<String> of(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return of(new String(in.readNBytes(HEAD), StandardCharsets.ISO_8859_1));
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }

  /// @param head the beginning of a file, a byte a character
  public static Optional<String> of(String head) {
    return Optional.ofNullable(named(head.substring(0, Math.min(HEAD, head.length()))));
  }

  private static @Nullable String named(String head) {
    if (head.startsWith("PK\u0003\u0004")) {
      return head.contains(".npy")
          ? "NumPy's .npz, a zip of arrays"
          : head.contains("data.pkl") || head.contains(".data/") || head.contains("/version")
              ? "PyTorch's torch.save, a zip"
              : head.contains("[Content_Types].xml") || head.contains("mimetypeapplication/")
                  ? "an office document or book, a zip"
                  : ZIP;
    }
    if (head.startsWith("\u0093NUMPY")) {
      return "NumPy's .npy";
    }
    if (PICKLE.matcher(head).lookingAt()) {
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
    if (head.startsWith("\u00fd7zXZ\0")) {
      return "xz-compressed";
    }
    if (BZIP2.matcher(head).lookingAt()) {
      return "bzip2-compressed";
    }
    for (Map.Entry<String, String> kind : OTHERS.entrySet()) {
      if (head.startsWith(kind.getKey())) {
        return kind.getValue();
      }
    }
    if (head.startsWith("version https://git-lfs")) {
      return LFS_POINTER;
    }
    if (PAGE.matcher(head).lookingAt()) {
      return HTML;
    }
    if (TENSORS.matcher(head).lookingAt()) {
      return SAFETENSORS;
    }
    return null;
  }
}
