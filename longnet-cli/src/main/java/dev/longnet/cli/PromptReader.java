// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.stream.DocumentTokens;
import dev.longnet.core.stream.GeneratedText;
import dev.longnet.core.stream.ReadOptions;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/// Reads a prompt of any length into a stream, piece by piece, and says how far it has come. It can
/// be stopped between two chunks, and while it waits for text.
final class PromptReader {
  private static final long PROGRESS_NANOS = 10_000_000_000L;

  private final StreamSession session;
  private final StreamState state;
  private final GeneratedText shown;
  private final PrintWriter err;
  private final BooleanSupplier stopped;
  private long tokens;
  private OptionalInt last = OptionalInt.empty();

  /// @param shown hears the prompt's tokens
  /// @param err where it says how far it has come
  /// @param stopped asked before each chunk
  PromptReader(
      StreamSession session,
      StreamState state,
      GeneratedText shown,
      PrintWriter err,
      BooleanSupplier stopped) {
    this.session = session;
    this.state = state;
    this.shown = shown;
    this.err = err;
    this.stopped = stopped;
  }

  /// Tokens read so far.
  long tokens() {
    return tokens;
  }

  /// The last token read; empty where none was.
  OptionalInt last() {
    return last;
  }

  /// Reads to the prompt's end, or until it is stopped. A document begins after an end-of-text
  /// token, as in training; a loaded context is in its middle, and a prompt follows on.
  void read(DocumentTokens text, int endOfText) throws IOException {
    if (state.position() == 0) {
      read(new int[] {endOfText});
    }
    long start = System.nanoTime();
    long said = start;
    long before = tokens;
    while (!text.ended() && !stopped.getAsBoolean()) {
      int[] piece = next(text);
      shown.read(Arrays.copyOf(piece, read(piece)));
      if (System.nanoTime() - said > PROGRESS_NANOS) {
        said = System.nanoTime();
        long read = tokens - before;
        err.printf(
            Locale.ROOT,
            "prompt: %,d tokens read, %,.0f tokens/s%n",
            read,
            read * 1e9 / (said - start));
        err.flush();
      }
    }
  }

  /// @return how many of the piece's tokens were read
  private int read(int[] piece) {
    int read =
        session.read(state, piece, 0, piece.length, ReadOptions.plain().withCancelled(stopped));
    if (read > 0) {
      last = OptionalInt.of(piece[read - 1]);
    }
    tokens += read;
    return read;
  }

  /// The next piece, or nothing where it is stopped first. Standard input may let a reader wait for
  /// ever, and nothing ends such a wait: so another thread waits.
  private int[] next(DocumentTokens text) throws IOException {
    FutureTask<int[]> piece = new FutureTask<>(text::next);
    Thread.ofPlatform().daemon().name("prompt").start(piece);
    while (!stopped.getAsBoolean()) {
      try {
        return piece.get(50, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        // Look again whether someone stopped it.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return new int[0];
      } catch (ExecutionException e) {
        switch (e.getCause()) {
          case IOException cause -> throw cause;
          case RuntimeException cause -> throw cause;
          case Error cause -> throw cause;
          case null, default -> throw new IllegalStateException(e);
        }
      }
    }
    return new int[0];
  }
}
