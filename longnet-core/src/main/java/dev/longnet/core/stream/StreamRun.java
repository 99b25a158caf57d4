// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.machine.ProcessMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Reads an input from where it stands to its end through a model: losses, reports, saved states. A
/// run that was cut off goes on from its last saved state with the same sums, as if nothing had
/// happened.
public final class StreamRun {
  private static final String PREFIX = "stream.";

  private final StreamSession session;
  private final StreamInput input;
  private final StreamState state;
  private long scored;
  private double nats;

  /// Ids of the model that no text has, and the probability they got.
  private final int[] textlessIds;

  private double textless;
  private double seconds;
  private long recentTokens;
  private double recentNats;
  private long lastTokens;
  private double lastSeconds;
  private @Nullable StreamReport latest;
  private volatile boolean stop;

  /// The tokens at hand: where in the input they begin, and how many of them have been read.
  private StreamInput.Place piece = StreamInput.Place.START;

  private int taken;
  private InputTokens rest = InputTokens.NONE;

  /// What to do on the way.
  ///
  /// @param maxTokens stop after this many in all, or Long.MAX_VALUE
  /// @param reportEvery tokens between two reports
  /// @param onReport called with each, the last one at the end; never twice at one position
  /// @param saveTo where to save the state, or null
  /// @param saveEvery tokens between two saves; the state is saved at the end too
  /// @param beforeSave called before each save, also where there is nowhere to save to
  public record Plan(
      long maxTokens,
      long reportEvery,
      Consumer<StreamReport> onReport,
      @Nullable Path saveTo,
      long saveEvery,
      BeforeSave beforeSave) {
    /// What is to be kept along with a state: with it or ahead of it, never behind.
    public interface BeforeSave {
      void accept(StreamReport now) throws IOException;
    }

    public Plan(
        long maxTokens,
        long reportEvery,
        Consumer<StreamReport> onReport,
        @Nullable Path saveTo,
        long saveEvery) {
      this(maxTokens, reportEvery, onReport, saveTo, saveEvery, now -> {});
    }

    public Plan {
      positive("maxTokens", maxTokens);
      positive("reportEvery", reportEvery);
      positive("saveEvery", saveEvery);
    }

    private static void positive(String name, long value) {
      if (value < 1) {
        throw new FieldException("%s must be positive: %s", Field.of(name), Field.of(name, value));
      }
    }
  }

  /// A stream that has read nothing of the input yet.
  ///
  /// @param state new, or one that has read something else before; stays the caller's to close
  public StreamRun(StreamSession session, StreamInput input, StreamState state) {
    this.session = session;
    this.input = input;
    this.state = state;
    this.lastTokens = state.position();
    this.textlessIds = input.tokenizer().textless(session.model().config().vocabulary());
  }

  /// Takes up a saved state: at the place in the input where it was saved if this input begins with
  /// what had been read then ([StreamInput#goOn]), else at the input's beginning, as a continuation
  /// of what was read before.
  ///
  /// @return whether the input goes on in its middle
  public boolean resume(Map<String, String> notes) throws IOException {
    String hash = notes.get(PREFIX + "hash");
    if (hash == null) {
      return false;
    }
    try {
      StreamInput.Place place =
          new StreamInput.Place(
              Long.parseLong(notes.get(PREFIX + "pass")),
              Integer.parseInt(notes.get(PREFIX + "document")),
              Long.parseLong(notes.get(PREFIX + "offset")),
              notes.containsKey(PREFIX + "begins") || "0".equals(notes.get(PREFIX + "offset")));
      StreamInput.Extent extent =
          new StreamInput.Extent(
              Long.parseLong(notes.get(PREFIX + "extent.pass")),
              Integer.parseInt(notes.get(PREFIX + "extent.document")),
              Long.parseLong(notes.get(PREFIX + "extent.bytes")),
              hash);
      if (!input.goOn(place, extent)) {
        return false;
      }
      scored = Long.parseLong(notes.get(PREFIX + "scored"));
      nats = Double.parseDouble(notes.get(PREFIX + "nats"));
      textless = Double.parseDouble(notes.getOrDefault(PREFIX + "textless", "0"));
      seconds = Double.parseDouble(notes.get(PREFIX + "seconds"));
      int skip = Integer.parseInt(notes.get(PREFIX + "taken"));
      piece = input.place();
      // The piece may come in parts: when it was read first, its document was open already and text
      // of the piece before was at hand.
      while (rest.ids().length < skip) {
        InputTokens more = input.nextTokens();
        if (more.ids().length == 0) {
          throw new NumberFormatException("the input ends before the place");
        }
        rest = rest.plus(more);
      }
      if (skip < 0) {
        throw new NumberFormatException("taken=" + skip);
      }
      taken = skip;
    } catch (NumberFormatException | NullPointerException e) {
      throw new IllegalArgumentException("the saved state's notes are damaged", e);
    }
    lastSeconds = seconds;
    return true;
  }

  /// Whether the input has been read to its end: [#run] would find nothing more.
  public boolean atEnd() {
    return taken == rest.ids().length && input.atEnd();
  }

  private Map<String, String> notes() {
    Map<String, String> notes = new LinkedHashMap<>();
    StreamInput.Extent extent = input.extent();
    notes.put(PREFIX + "hash", extent.hash());
    notes.put(PREFIX + "extent.pass", Long.toString(extent.pass()));
    notes.put(PREFIX + "extent.document", Integer.toString(extent.document()));
    notes.put(PREFIX + "extent.bytes", Long.toString(extent.bytes()));
    boolean whole = taken == rest.ids().length;
    StreamInput.Place place = whole ? input.place() : piece;
    notes.put(PREFIX + "pass", Long.toString(place.pass()));
    notes.put(PREFIX + "document", Integer.toString(place.document()));
    notes.put(PREFIX + "offset", Long.toString(place.offset()));
    if (place.begins() && place.offset() > 0) {
      notes.put(PREFIX + "begins", "true");
    }
    if (taken > 0) {
      notes.putAll(GeneratedText.note(input.tokenizer(), rest.ids()[taken - 1]));
    }
    notes.put(PREFIX + "taken", Integer.toString(whole ? 0 : taken));
    notes.put(PREFIX + "scored", Long.toString(scored));
    notes.put(PREFIX + "nats", Double.toString(nats));
    if (textlessIds.length > 0) {
      notes.put(PREFIX + "textless", Double.toString(textless));
    }
    notes.put(PREFIX + "seconds", Double.toString(seconds));
    return notes;
  }

  /// Makes [#run] return after the tokens at hand; any thread may call it.
  public void requestStop() {
    stop = true;
  }

  public boolean stopRequested() {
    return stop;
  }

  /// Reads on until the input ends, the plan's tokens have been read, or someone asks it to stop.
  ///
  /// @return the last report
  public StreamReport run(Plan plan) throws IOException {
    float[] losses = new float[0];
    long nextReport = (state.position() / plan.reportEvery + 1) * plan.reportEvery;
    long nextSave = state.position() + plan.saveEvery;
    while (state.position() < plan.maxTokens && !stop) {
      long start = System.nanoTime();
      if (taken == rest.ids().length) {
        piece = input.place();
        rest = input.nextTokens();
        taken = 0;
        if (rest.ids().length == 0) {
          break;
        }
      }
      // One chunk at a time: reports, saves and stops stay close to what was asked for.
      int chunk = Math.min(rest.ids().length - taken, session.chunkTokens());
      int n = (int) Math.min(chunk, Math.min(nextReport, plan.maxTokens) - state.position());
      losses = losses.length < n ? new float[n] : losses;
      ReadOptions options = ReadOptions.plain().withLosses(losses);
      float[] shares = new float[textlessIds.length > 0 ? n : 0];
      session.read(
          state,
          rest.ids(),
          taken,
          n,
          shares.length == 0
              ? options
              : options.withShares(new ReadOptions.Shares(textlessIds, shares)));
      taken += n;
      count(losses, shares, n);
      seconds += (System.nanoTime() - start) / 1e9;
      if (state.position() == nextReport) {
        plan.onReport.accept(report());
        nextReport += plan.reportEvery;
      }
      if (state.position() >= nextSave) {
        save(plan);
        nextSave = state.position() + plan.saveEvery;
      }
    }
    save(plan);
    if (state.position() > lastTokens) {
      plan.onReport.accept(report());
    }
    return latest != null ? latest : now();
  }

  private void save(Plan plan) throws IOException {
    plan.beforeSave.accept(now());
    if (plan.saveTo != null) {
      StateFile.save(plan.saveTo, state, notes());
    }
  }

  private void count(float[] losses, float[] shares, int n) {
    for (int i = 0; i < n; i++) {
      if (!Float.isNaN(losses[i])) {
        textless += shares.length == 0 ? 0 : shares[i];
        scored++;
        nats += losses[i];
        recentTokens++;
        recentNats += losses[i];
      }
    }
  }

  private StreamReport now() {
    double speed = (state.position() - lastTokens) / (seconds - lastSeconds);
    long bytes = input.bytesRead() - rest.bytesFrom(taken, input.tokenizer());
    return new StreamReport(
        state.position(),
        bytes,
        scored,
        nats,
        textless,
        recentTokens,
        recentNats,
        seconds,
        speed,
        state.bytes(),
        ProcessMemory.resident().orElse(0),
        ProcessMemory.peakResident().orElse(0));
  }

  private StreamReport report() {
    StreamReport report = now();
    latest = report;
    lastTokens = state.position();
    lastSeconds = seconds;
    recentTokens = 0;
    recentNats = 0;
    return report;
  }
}
