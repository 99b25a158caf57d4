// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/// Writes scalars and texts as TensorBoard event files: TFRecord frames (length, masked CRC32C,
/// bytes, masked CRC32C) around `tensorflow.Event` messages. `tensorboard --logdir RUN/tensorboard`
/// shows them.
///
/// A resumed run opens a further file in the same directory; its session start tells TensorBoard to
/// forget what an interrupted run had written beyond the step resumed from.
public final class TensorBoardWriter implements Closeable {
  /// SessionLog.SessionStatus.START
  private static final int SESSION_START = 1;

  /// DataType.DT_STRING
  private static final int TYPE_STRING = 7;

  private final RecordFile out;
  private final Clock clock;

  private TensorBoardWriter(RecordFile out, Clock clock) {
    this.out = out;
    this.clock = clock;
  }

  /// @param firstStep the step this session begins at: 0, or the one resumed from
  public static TensorBoardWriter open(Path directory, long firstStep, Clock clock)
      throws IOException {
    Files.createDirectories(directory);
    Path file = null;
    for (int attempt = 0; file == null || Files.exists(file); attempt++) {
      file =
          directory.resolve(
              String.format(
                  Locale.ROOT,
                  "events.out.tfevents.%010d.longnet.%d.%d",
                  clock.millis() / 1000,
                  ProcessHandle.current().pid(),
                  attempt));
    }
    RecordFile records = new RecordFile(file, StandardOpenOption.CREATE_NEW);
    TensorBoardWriter writer = new TensorBoardWriter(records, clock);
    try {
      writer.frame(writer.event(0).text(3, "brain.Event:2"));
      if (firstStep > 0) {
        writer.frame(writer.event(firstStep).message(7, new Protobuf().varint(1, SESSION_START)));
      }
    } catch (IOException | RuntimeException | Error e) {
      try (records) {
        throw e;
      }
    }
    return writer;
  }

  public void scalars(long step, Map<String, Double> values) throws IOException {
    Protobuf summary = new Protobuf();
    values.forEach((tag, value) ->
        summary.message(1, new Protobuf().text(1, tag).float32(2, value.floatValue())));
    frame(event(step).message(5, summary));
  }

  /// @param markdown shown on TensorBoard's text page
  public void text(long step, String tag, String markdown) throws IOException {
    Protobuf metadata = new Protobuf().message(1, new Protobuf().text(1, "text"));
    Protobuf tensor =
        new Protobuf().varint(1, TYPE_STRING).message(2, new Protobuf()).text(8, markdown);
    Protobuf value = new Protobuf().text(1, tag).message(8, tensor).message(9, metadata);
    frame(event(step).message(5, new Protobuf().message(1, value)));
  }

  @Override
  public void close() throws IOException {
    out.close();
  }

  private Protobuf event(long step) {
    return new Protobuf().float64(1, clock.millis() / 1000.0).varint(2, step);
  }

  private void frame(Protobuf event) throws IOException {
    byte[] data = event.toBytes();
    byte[] length = little(8).putLong(data.length).array();
    out.append(
        little(data.length + 16)
            .put(length)
            .putInt(maskedCrc(length))
            .put(data)
            .putInt(maskedCrc(data))
            .array());
  }

  /// TFRecord's mask: a checksum of data that hold checksums must not look like one of them.
  private static int maskedCrc(byte[] data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    int value = (int) crc.getValue();
    return Integer.rotateRight(value, 15) + 0xa282ead8;
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
