// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdIOException;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.io.EnvironmentException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.UnsupportedOptionsException;

/// A file read from its beginning, unpacked, that refuses to expand without limit.
final class GuardedInput extends FilterInputStream {
  /// Ratios below this size are no danger.
  private static final long HARMLESS_BYTES = 64L << 20;

  private final Counted file;
  private final long fileBytes;
  private final InputPolicy policy;
  private long bytes;
  private long allowance = Long.MAX_VALUE;

  private GuardedInput(InputStream decompressed, Counted file, long fileBytes, InputPolicy policy) {
    super(decompressed);
    this.file = file;
    this.fileBytes = fileBytes;
    this.policy = policy;
  }

  /// @param reading how the file is packed, and its charset: what is read is UTF-8
  static GuardedInput open(Path path, Reading reading, InputPolicy policy) throws IOException {
    long fileBytes = Files.size(path);
    Counted file = new Counted(Files.newInputStream(path));
    try {
      InputStream in = reading.packing().unpack(new BufferedInputStream(file, 1 << 16));
      if (reading.charset().isPresent()) {
        in = new Transcoded(in, reading.charset().get());
      }
      return new GuardedInput(in, file, fileBytes, policy);
    } catch (IOException e) {
      file.close();
      throw named(e);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /// Says what a decoder was asked for beyond its limits: no damage.
  private static IOException named(IOException e) {
    if (e instanceof ZstdIOException zstd
        && zstd.getErrorCode() == Zstd.errFrameParameterWindowTooLarge()) {
      return new RejectedException(
          Reason.UNSUPPORTED,
          "its zstd window is larger than "
              + Packing.ZSTD_WINDOW_MIB
              + " MiB, the most that is read: compress it again with a window log of 27 or less");
    }
    if (e instanceof ZstdIOException zstd && zstd.getErrorCode() == Zstd.errDictionaryWrong()) {
      return new RejectedException(
          Reason.UNSUPPORTED,
          "it is compressed with a zstd dictionary of its own: compress it again without one");
    }
    if (e instanceof MemoryLimitException xz) {
      return new RejectedException(
          Reason.UNSUPPORTED,
          "its xz dictionary needs "
              + (xz.getMemoryNeeded() >> 10)
              + " MiB of memory, and "
              + (Packing.XZ_KIB >> 10)
              + " MiB are the most that is granted: compress it again at level 9 or less");
    }
    return e instanceof UnsupportedOptionsException other
        ? new RejectedException(Reason.UNSUPPORTED, "xz: " + other.getMessage())
        : e;
  }

  /// Share of the file that was read.
  double progress() {
    return fileBytes == 0 ? 1 : Math.min(1, file.bytes / (double) fileBytes);
  }

  /// Lets so many bytes pass from here on: headers have no business being longer.
  void allow(long bytes) {
    allowance = bytes;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    int n = read(one, 0, 1);
    return n < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] b, int off, int len) throws IOException {
    if (len == 0) {
      return 0;
    }
    int n;
    try {
      n = in.read(b, off, len);
    } catch (IOException e) {
      throw named(e);
    }
    if (n > 0) {
      count(n);
    }
    return n;
  }

  private void count(int n) throws IOException {
    bytes += n;
    allowance -= n;
    if (allowance < 0) {
      throw new RejectedException(Reason.CORRUPT, "a header is longer than any real one");
    }
    refuseBomb(file.bytes, bytes, policy);
  }

  /// @param from bytes of the file
  /// @param bytes what they expanded to
  static void refuseBomb(long from, long bytes, InputPolicy policy) throws RejectedException {
    if (bytes > policy.maxArchiveBytes()) {
      throw new RejectedException(
          Reason.BOMB, "it expands to more than max_archive_bytes=" + policy.maxArchiveBytes());
    }
    refuseRatio(from, bytes, policy);
  }

  /// As [#refuseBomb], whatever an archive may come to.
  static void refuseRatio(long from, long bytes, InputPolicy policy) throws RejectedException {
    if (bytes > HARMLESS_BYTES && bytes / policy.maxRatio() > from) {
      throw new RejectedException(
          Reason.BOMB, from + " bytes expand to " + bytes + ", max_ratio=" + policy.maxRatio());
    }
  }

  @Override
  public long skip(long n) throws IOException {
    byte[] nowhere = new byte[(int) Math.min(n, 1 << 16)];
    return Math.max(0, read(nowhere, 0, nowhere.length));
  }

  /// Asking the file costs two system calls, and the readers of archives ask at every entry.
  @Override
  public int available() {
    return 0;
  }

  @Override
  public boolean markSupported() {
    return false;
  }

  /// What a failure while reading says about the file. What the operating system refuses is no
  /// damage.
  ///
  /// @throws EnvironmentException where it says something about the machine
  static Entry.Rejected rejection(String name, Exception e) {
    NativeCode.check(e);
    if (e instanceof UncheckedIOException wrapped) {
      return rejection(name, Objects.requireNonNull(wrapped.getCause()));
    }
    if (e instanceof RejectedException rejected) {
      return new Entry.Rejected(name, rejected.reason(), rejected.getMessage());
    }
    String message = reason(e);
    if (EnvironmentException.isNoMoreFiles(message)) {
      throw new EnvironmentException(EnvironmentException.noMoreFiles(name), e);
    }
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof UnsupportedOperationException) {
        return new Entry.Rejected(name, Reason.UNSUPPORTED, String.valueOf(cause.getMessage()));
      }
    }
    if (e instanceof FileSystemException || e instanceof FileNotFoundException) {
      return new Entry.Rejected(name, Reason.UNREADABLE, message);
    }
    String lower = message.toLowerCase(Locale.ROOT);
    boolean truncated =
        e instanceof EOFException
            || lower.matches("(?s).*(truncated|unexpected end|premature end).*");
    return new Entry.Rejected(
        name, truncated ? Reason.TRUNCATED : Reason.CORRUPT, message + "; its rest is not read");
  }

  /// A failure in words, without a path.
  static String reason(Exception e) {
    return switch (e) {
      case NoSuchFileException gone -> "it does not exist";
      case AccessDeniedException denied -> "permission denied";
      case FileSystemException other when other.getReason() != null -> other.getReason();
      case EOFException end when end.getMessage() == null -> "it ends too early";
      default -> String.valueOf(e.getMessage());
    };
  }

  /// Counts what is taken from the file, and tells the disk's failures from damage.
  private static final class Counted extends FilterInputStream {
    private long bytes;

    Counted(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] b, int off, int len) throws IOException {
      try {
        int n = in.read(b, off, len);
        bytes += Math.max(0, n);
        return n;
      } catch (IOException e) {
        throw new RejectedException(Reason.UNREADABLE, reason(e) + "; its rest is not read");
      }
    }
  }
}
