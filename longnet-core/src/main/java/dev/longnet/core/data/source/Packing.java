// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import com.github.luben.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.regex.Pattern;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.tukaani.xz.XZInputStream;

/// How a file is compressed.
enum Packing {
  NONE("", "(?!)", "(?!)"),
  GZIP("gzip", ".*\\.t?gz", "\u001f\u008b\b"),
  ZSTD("zstd", ".*\\.(zst|zstd|tzst)", "(\\(\u00b5/\u00fd|[P-_]\\*M\u0018)"),
  XZ("xz", ".*\\.t?xz", "\u00fd7zXZ\0"),
  BZIP2("bzip2", ".*\\.(bz2|tbz2?)", "BZh[1-9](1AY&SY|\u0017rE8P\u0090)");

  /// As much as `zstd --long` needs, the most that zstd-jni grants.
  static final int ZSTD_WINDOW_MIB = 128;

  /// A dictionary of 128 MiB, and what goes with it; `xz -9` needs half of it.
  static final int XZ_KIB = 130 << 10;

  private final String words;
  private final Pattern names;
  private final Pattern magic;

  /// @param names how the names of such files end, in lower case
  /// @param magic how such files begin, a byte a character
  Packing(String words, String names, String magic) {
    this.words = words;
    this.names = Pattern.compile(names);
    this.magic = Pattern.compile(magic);
  }

  String words() {
    return words;
  }

  /// Told by a file's first bytes, a byte a character.
  static Packing ofContent(String head) {
    for (Packing packing : values()) {
      if (packing.magic.matcher(head).lookingAt()) {
        return packing;
      }
    }
    return NONE;
  }

  /// Told by the end of its name.
  ///
  /// @param name in lower case
  static Packing ofName(String name) {
    for (Packing packing : values()) {
      if (packing.names.matcher(name).matches()) {
        return packing;
      }
    }
    return NONE;
  }

  /// A name without the end that tells how the file is packed: `a.jsonl` of `a.jsonl.gz`, `a.tar`
  /// of `a.tgz`.
  ///
  /// @param name in lower case
  static String inner(String name) {
    return ofName(name) == NONE
        ? name
        : name.replaceFirst("\\.t(gz|zst|xz|bz2?)$", ".tar")
            .replaceFirst("\\.(gz|zstd?|xz|bz2)$", "");
  }

  /// What a file of this kind holds.
  InputStream unpack(BufferedInputStream in) throws IOException {
    return switch (this) {
      case NONE -> in;
      case GZIP -> new GzipInput(in);
      case ZSTD -> zstd(in);
      case XZ -> new XZInputStream(in, XZ_KIB);
      case BZIP2 -> new BZip2CompressorInputStream(in, true);
    };
  }

  private static InputStream zstd(BufferedInputStream in) throws IOException {
    in.mark(1);
    if (in.read() < 0) {
      throw new EOFException("it is empty"); // which zstd-jni takes for no text
    }
    in.reset();
    try {
      return new ZstdInputStream(in);
    } catch (LinkageError e) {
      NativeCode.check(e);
      throw e;
    }
  }
}
