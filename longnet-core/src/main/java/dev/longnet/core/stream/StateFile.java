// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.stream.mixer.MixerMemory;
import dev.longnet.core.stream.mixer.StreamMixer;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UTFDataFormatException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;

/// A stream's state as bytes. Big-endian header, native (little-endian) floats. Version 1 is of
/// models with one mixer, whose memories agree in their reference. Version 2 is of models with
/// several.
///
/// | bytes | version 1 | version 2 |
/// |---|---|---|
/// | 8 | `LNSTREAM` | the same |
/// | 4 | 1 | 2 |
/// | 32 | the model's hash | the same |
/// | 8 | tokens read | the same |
/// | 8 | reference of all memories | not there |
/// | 4, … | number of notes, each key and value in modified UTF-8 with its length | the same |
/// | 4 C | last hidden row `[C]` | the same |
/// | 8, 8 | not there | before each layer's memory: its reference, its length in bytes |
/// | … | the memory of each layer | the same |
/// | 8 | CRC-32C of everything before; nothing follows | the same |
///
/// A memory's reference is [MixerMemory#reference]. Attention writes for each cache and head: keys
/// [rows, D], values [rows, D].
///
/// How long a memory is follows from the number of tokens read. So a length is known before memory
/// is taken, and is compared with what is there: with the length of the input where that is known;
/// else a memory's bytes are read before memory is taken for what they say.
public final class StateFile {
  private static final byte[] MAGIC = "LNSTREAM".getBytes(StandardCharsets.US_ASCII);
  private static final int ONE_MIXER = 1;
  private static final int SEVERAL_MIXERS = 2;
  private static final int MOST_NOTES = 1000;
  private static final int MOST_NOTE_CHARACTERS = 21_845;
  private static final int BUFFER = 1 << 20;

  /// No stream gets so far; positions beyond would overflow.
  private static final long LAST_POSITION = 1L << 60;

  private StateFile() {}

  /// What a file held. The caller closes the state.
  ///
  /// @param notes what the writer added, such as how far it had come in its input
  public record Loaded(StreamState state, Map<String, String> notes) {}

  /// Writes a state to a file, whole or not at all.
  ///
  /// @param notes at most 1,000, each key and value at most 21,845 characters
  public static void save(Path file, StreamState state, Map<String, String> notes)
      throws IOException {
    AtomicFiles.write(file, out -> write(out, state, notes));
  }

  /// Writes a state; leaves the output open and flushes it.
  ///
  /// @param notes as [#save]'s
  public static void write(OutputStream plain, StreamState state, Map<String, String> notes)
      throws IOException {
    check(notes);
    state.begin();
    try {
      CheckedOutputStream checked = new CheckedOutputStream(plain, new CRC32C());
      DataOutputStream out = new DataOutputStream(checked);
      int version = version(state.model);
      out.write(MAGIC);
      out.writeInt(version);
      out.write(state.model.hash());
      out.writeLong(state.position);
      if (version == ONE_MIXER) {
        out.writeLong(state.memories.getFirst().reference());
      }
      out.writeInt(notes.size());
      for (Map.Entry<String, String> note : notes.entrySet()) {
        out.writeUTF(note.getKey());
        out.writeUTF(note.getValue());
      }
      StateFloats floats = new StateFloats();
      floats.write(state.hidden, 0, state.model.config().hidden(), out);
      for (int layer = 0; layer < state.memories.size(); layer++) {
        MixerMemory memory = state.memories.get(layer);
        if (version == SEVERAL_MIXERS) {
          out.writeLong(memory.reference());
          out.writeLong((long) storedBytes(state, layer));
        }
        memory.write(state.position, (from, index, count) -> floats.write(from, index, count, out));
      }
      out.flush();
      DataOutputStream sum = new DataOutputStream(plain);
      sum.writeLong(checked.getChecksum().getValue());
      sum.flush();
    } finally {
      state.end();
    }
  }

  /// Reads a file's state of this model; nothing of it exists when this throws.
  ///
  /// @throws IllegalArgumentException when the file is no state, damaged, of another version or of
  ///   another model
  public static Loaded load(Path file, StreamingModel model) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IllegalArgumentException("not a saved stream state but a directory: " + file);
    }
    OptionalLong length = OptionalLong.of(Files.size(file));
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), BUFFER)) {
      return read(in, length, model, file.toString());
    }
  }

  /// Reads a state of this model to the input's end; leaves the input open. Nothing of the state
  /// exists when this throws.
  ///
  /// @param in best a buffered one
  /// @param length of the input in bytes. Where it is not known, memory is taken only for what has
  ///   arrived.
  /// @throws IllegalArgumentException when the input holds no state, or one that is damaged, of
  ///   another version or of another model
  public static Loaded read(InputStream in, OptionalLong length, StreamingModel model)
      throws IOException {
    return read(in, length, model, "the input");
  }

  private static Loaded read(
      InputStream plain, OptionalLong length, StreamingModel model, String name)
      throws IOException {
    try {
      CheckedInputStream checked = new CheckedInputStream(plain, new CRC32C());
      DataInputStream in = new DataInputStream(checked);
      if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
        throw new IllegalArgumentException("not a saved stream state: " + name);
      }
      int version = in.readInt();
      if (version != ONE_MIXER && version != SEVERAL_MIXERS) {
        throw new IllegalArgumentException(
            name + ": version must be 1 or 2, those this program knows: version=" + version);
      }
      byte[] hash = new byte[32];
      in.readFully(hash);
      if (!MessageDigest.isEqual(hash, model.hash())) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s belongs to another model: its hash begins %s, this model's %s",
                name,
                start(hash),
                start(model.hash())));
      }
      if (version != version(model)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: version must be %d for this model: version=%d",
                name,
                version(model),
                version));
      }
      StreamState state = model.newStream();
      try {
        Map<String, String> notes = readState(in, state, length);
        long sum = checked.getChecksum().getValue();
        if (sum != new DataInputStream(plain).readLong() || plain.read() >= 0) {
          throw new EOFException();
        }
        return new Loaded(state, notes);
      } catch (IOException | RuntimeException | Error e) {
        state.close();
        throw e;
      }
    } catch (EOFException | UTFDataFormatException e) {
      throw new IllegalArgumentException("damaged or truncated stream state: " + name, e);
    }
  }

  private static String start(byte[] hash) {
    return HexFormat.of().formatHex(hash, 0, 6);
  }

  private static int version(StreamingModel model) {
    return model.distinctMixers().size() == 1 ? ONE_MIXER : SEVERAL_MIXERS;
  }

  private static double storedBytes(StreamState state, int layer) {
    return mixer(state, layer).storedBytes(state.position);
  }

  private static StreamMixer mixer(StreamState state, int layer) {
    return state.model.weights().layers.get(layer).mixer();
  }

  private static Map<String, String> readState(
      DataInputStream in, StreamState state, OptionalLong length) throws IOException {
    boolean oneMixer = version(state.model) == ONE_MIXER;
    state.position = in.readLong();
    long reference = oneMixer ? in.readLong() : 0;
    int count = in.readInt();
    if (state.position < 0 || state.position > LAST_POSITION || count < 0 || count > MOST_NOTES) {
      throw new EOFException();
    }
    Map<String, String> notes = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      if (notes.put(in.readUTF(), in.readUTF()) != null) {
        throw new EOFException();
      }
    }
    double needed = 0;
    for (int layer = 0; layer < state.memories.size(); layer++) {
      needed += storedBytes(state, layer);
    }
    if (length.isPresent() && needed > length.getAsLong()) {
      throw new EOFException();
    }
    StateFloats floats = new StateFloats();
    floats.read(state.hidden, 0, state.model.config().hidden(), in);
    for (int layer = 0; layer < state.memories.size(); layer++) {
      double bytes = storedBytes(state, layer);
      if (!oneMixer) {
        reference = in.readLong();
        if (in.readLong() != (long) bytes) {
          throw new EOFException();
        }
      }
      if (!mixer(state, layer).isReference(reference, state.position)) {
        throw new EOFException();
      }
      InputStream there = length.isPresent() ? in : StateFloats.arrived(in, bytes);
      state
          .memories
          .get(layer)
          .read(
              state.position,
              reference,
              (to, index, floatCount) -> floats.read(to, index, floatCount, there));
    }
    return notes;
  }

  /// What [#read] would refuse is not written.
  private static void check(Map<String, String> notes) {
    if (notes.size() > MOST_NOTES) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "a state carries at most %d notes: %d", MOST_NOTES, notes.size()));
    }
    for (Map.Entry<String, String> note : notes.entrySet()) {
      for (String text : new String[] {note.getKey(), note.getValue()}) {
        // Modified UTF-8 takes at most three bytes a character.
        if (text.length() > MOST_NOTE_CHARACTERS) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "a note has at most %d characters: %s... has %d",
                  MOST_NOTE_CHARACTERS,
                  text.substring(0, 20),
                  text.length()));
        }
      }
    }
  }
}
