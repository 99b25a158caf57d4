package dev.longnet.core.stream;

import dev.longnet.core.io.AtomicFiles;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;

/// A stream's state as a file. Big-endian header, native (little-endian) floats:
///
/// | bytes | what |
/// |---|---|
/// | 8 | `LNSTREAM` |
/// | 4 | version, 1 |
/// | 32 | the model's hash |
/// | 8, 8 | tokens read, decay reference |
/// | 4, … | number of notes, each key and value in modified UTF-8 with its length |
/// | … | last hidden row [C]; then per layer, holding and head: its keys [rows, D], its values [rows, D] |
/// | 8 | CRC-32C of everything before; nothing follows |
///
/// How many rows a head holds follows from the number of tokens read, so a file's length is known
/// before its rows are read.
public final class StateFile {
  private static final byte[] MAGIC =
      "LNSTREAM".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
  private static final int VERSION = 1;
  private static final int MOST_NOTES = 1000;
  private static final int BLOCK = 1 << 20;

  private StateFile() {}

  /// What a file held. The caller closes the state.
  ///
  /// @param notes what the writer added, such as how far it had come in its input
  public record Loaded(StreamState state, Map<String, String> notes) {}

  /// Writes a state, whole or not at all.
  ///
  /// @param notes at most 1,000, each key and value at most 65,535 bytes
  public static void save(Path file, StreamState state, Map<String, String> notes)
      throws IOException {
    AtomicFiles.write(
        file,
        plain -> {
          CheckedOutputStream checked = new CheckedOutputStream(plain, new CRC32C());
          DataOutputStream out = new DataOutputStream(checked);
          out.write(MAGIC);
          out.writeInt(VERSION);
          out.write(state.model.hash());
          out.writeLong(state.position);
          out.writeLong(state.reference);
          out.writeInt(notes.size());
          for (Map.Entry<String, String> note : notes.entrySet()) {
            out.writeUTF(note.getKey());
            out.writeUTF(note.getValue());
          }
          byte[] block = new byte[BLOCK];
          copy(state.hidden.segment(), 0, 4L * state.model.config().hidden(), out, block);
          eachRun(
              state,
              (cache, head, rows) -> {
                long from = 4 * cache.element(head, 0);
                long bytes = 4 * rows * state.model.config().headSize();
                copy(cache.keys(), from, bytes, out, block);
                copy(cache.values(), from, bytes, out, block);
              });
          out.flush();
          new DataOutputStream(plain).writeLong(checked.getChecksum().getValue());
        });
  }

  /// Reads a state of this model; nothing of it exists when this throws.
  ///
  /// @throws IllegalArgumentException when the file is no state, damaged, of another version or of
  ///   another model
  public static Loaded load(Path file, StreamingModel model) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IllegalArgumentException("not a saved stream state but a directory: " + file);
    }
    long length = Files.size(file);
    try (InputStream plain = new java.io.BufferedInputStream(Files.newInputStream(file), BLOCK)) {
      CheckedInputStream checked = new CheckedInputStream(plain, new CRC32C());
      DataInputStream in = new DataInputStream(checked);
      if (!java.util.Arrays.equals(in.readNBytes(8), MAGIC)) {
        throw new IllegalArgumentException("not a saved stream state: " + file);
      }
      int version = in.readInt();
      if (version != VERSION) {
        throw new IllegalArgumentException(
            file + ": version must be 1, the one this program knows: version=" + version);
      }
      byte[] hash = new byte[32];
      in.readFully(hash);
      if (!MessageDigest.isEqual(hash, model.hash())) {
        throw new IllegalArgumentException(
            "%s belongs to another model: its hash begins %s, this model's %s"
                .formatted(file, start(hash), start(model.hash())));
      }
      StreamState state = model.newStream();
      try {
        Map<String, String> notes = read(in, state, length);
        long sum = checked.getChecksum().getValue();
        long written = new DataInputStream(plain).readLong();
        if (sum != written || plain.read() >= 0) {
          throw damaged(file);
        }
        return new Loaded(state, notes);
      } catch (IOException | RuntimeException | Error e) {
        state.close();
        throw e;
      }
    } catch (EOFException | java.io.UTFDataFormatException e) {
      throw damaged(file);
    }
  }

  private static IllegalArgumentException damaged(Path file) {
    return new IllegalArgumentException("damaged or truncated stream state: " + file);
  }

  private static String start(byte[] hash) {
    return java.util.HexFormat.of().formatHex(hash, 0, 6);
  }

  private static Map<String, String> read(DataInputStream in, StreamState state, long fileLength)
      throws IOException {
    StreamingModel model = state.model;
    state.position = in.readLong();
    state.reference = in.readLong();
    int count = in.readInt();
    if (state.position < 0 || count < 0 || count > MOST_NOTES) {
      throw new EOFException();
    }
    Map<String, String> notes = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      notes.put(in.readUTF(), in.readUTF());
    }
    // Before memory is taken for them: the rows the position implies must be in the file.
    double needed = 0;
    for (Holding holding : model.holdings()) {
      for (int head = 0; head < model.config().heads(); head++) {
        needed +=
            8.0
                * holding.held(head, state.position)
                * model.config().headSize()
                * model.config().layers();
      }
    }
    if (needed > fileLength) {
      throw new EOFException();
    }
    for (RowCache[] layer : state.caches) {
      for (int i = 0; i < layer.length; i++) {
        long most = 0;
        for (int head = 0; head < model.config().heads(); head++) {
          most = Math.max(most, model.holdings().get(i).held(head, state.position));
        }
        layer[i].reserve(most, 0);
      }
    }
    byte[] block = new byte[BLOCK];
    copy(in, state.hidden.segment(), 0, 4L * model.config().hidden(), block);
    eachRun(
        state,
        (cache, head, rows) -> {
          long to = 4 * cache.element(head, 0);
          long bytes = 4 * rows * model.config().headSize();
          copy(in, cache.keys(), to, bytes, block);
          copy(in, cache.values(), to, bytes, block);
        });
    return notes;
  }

  private interface Run {
    void accept(RowCache cache, int head, long rows) throws IOException;
  }

  private static void eachRun(StreamState state, Run run) throws IOException {
    for (RowCache[] layer : state.caches) {
      for (int i = 0; i < layer.length; i++) {
        for (int head = 0; head < state.model.config().heads(); head++) {
          run.accept(layer[i], head, state.model.holdings().get(i).held(head, state.position));
        }
      }
    }
  }

  private static void copy(MemorySegment from, long at, long bytes, OutputStream out, byte[] block)
      throws IOException {
    for (long done = 0; done < bytes; done += block.length) {
      int n = (int) Math.min(block.length, bytes - done);
      MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at + done, block, 0, n);
      out.write(block, 0, n);
    }
  }

  private static void copy(DataInputStream in, MemorySegment to, long at, long bytes, byte[] block)
      throws IOException {
    for (long done = 0; done < bytes; done += block.length) {
      int n = (int) Math.min(block.length, bytes - done);
      in.readFully(block, 0, n);
      MemorySegment.copy(block, 0, to, ValueLayout.JAVA_BYTE, at + done, n);
    }
  }
}
