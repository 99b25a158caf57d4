// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.LongToDoubleFunction;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// xPos and RoPE as complex factors. Read the pair (x_2i, x_2i+1) of a head as the complex number
/// x_2i + i x_2i+1; then a position p multiplies a query by e^(i p theta_i) zeta_i^(p'/b) and a key
/// by e^(i p theta_i) zeta_i^(-p'/b), with
///
///     theta_i = base^(-2i / R)
///     zeta_i = (2i + 0.4 R) / (1.4 R)
///     p' = p - centre
///     b the scale base
///
/// for the first R of a head's D channels; the factors of the others are 1 (docs/longnet.md,
/// section 2; zeta = 1 for RoPE). Only differences of positions matter, which buys exactness at any length: where every segment length divides the largest one nothing attends
/// across the largest segment's boundaries, so p is taken modulo it; p' is centred; angles are
/// computed in float64. What would still overflow is refused.
///
/// All heads have the same factors, unless some carry no positions: then factors are those of a
/// whole row, and theirs are 1, or real numbers of their queries ([ModelConfig#nopeFactor]).
///
/// Factors are cached, as every layer asks for the same ones. Closing frees the cache.
public final class Positions implements AutoCloseable {
  private static final long CACHED_ROWS_TIMES_PAIRS = 32L << 20;

  private record Key(long first, int count) {}

  private record Factors(Tensor queries, Tensor keys) {}

  private final PositionEncoding encoding;

  /// Of each pair of a head's channels.
  private final double[] theta;

  /// Of each pair: log zeta / b.
  private final double[] logDecay;

  private final int pairs;

  /// Heads that have factors of their own: one stands for all heads where they are alike.
  private final int heads;

  /// The first of them: the factors of their keys are 1, of their queries [#nopeFactor].
  private final int nopeHeads;

  private final LongToDoubleFunction nopeFactor;

  /// Whether queries and keys have factors of their own; else they are one tensor.
  private final boolean apart;

  private final long period;
  private final long centre;
  private final String device;
  private final Map<Key, Factors> cache = new LinkedHashMap<>(16, 0.75f, true);

  private Positions(
      PositionEncoding encoding,
      double[] theta,
      double[] logDecay,
      int heads,
      int nopeHeads,
      LongToDoubleFunction nopeFactor,
      boolean apart,
      long period,
      long centre,
      String device) {
    this.encoding = encoding;
    this.heads = heads;
    this.nopeHeads = nopeHeads;
    this.nopeFactor = nopeFactor;
    this.apart = apart;
    this.theta = theta;
    this.logDecay = logDecay;
    this.pairs = theta.length;
    this.device = device;
    this.period = period;
    this.centre = centre;
  }

  /// @param mixer whose queries and keys turn; positions begin anew after its
  ///   [MixerConfig#period()]
  /// @param longest number of tokens from the first position to the last one that will be asked for
  /// @throws IllegalArgumentException where xPos would overflow; names the scale base that would
  ///   not
  static Positions of(ModelConfig config, MixerConfig mixer, long longest, String device) {
    OptionalLong period = mixer.period();
    long span = Math.min(longest, period.orElse(Long.MAX_VALUE));
    double needed = config.leastScaleBase(longest, period);
    if (needed > config.xposScaleBase()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "xpos_scale_base=%d overflows float32 at %d positions: use xpos_scale_base=%.0f or larger, or positions=rope",
              config.xposScaleBase(),
              span,
              needed));
    }
    return new Positions(
        config.positions(),
        IntStream.range(0, config.pairs()).mapToDouble(config::theta).toArray(),
        IntStream.range(0, config.pairs()).mapToDouble(config::logDecay).toArray(),
        config.nopeHeads() == 0 ? 1 : config.heads(),
        config.nopeHeads(),
        config.nopeFactor(mixer),
        config.positions() == PositionEncoding.XPOS || config.nopeScale() != 0,
        period.orElse(Long.MAX_VALUE),
        span / 2,
        device);
  }

  /// For models that put positions elsewhere: nothing rotates.
  static Positions none() {
    return new Positions(
        PositionEncoding.NONE,
        new double[0],
        new double[0],
        1,
        0,
        _ -> 1,
        false,
        Long.MAX_VALUE,
        0,
        "cpu");
  }

  /// What queries' pairs are multiplied by.
  ///
  /// @param first position of the first of the tokens
  /// @return [count, D/2] complex64 for all heads alike, or [count, C/2] for a whole row; the
  ///   caller's scope's; null where nothing rotates
  @Nullable Tensor queries(long first, long count) {
    return encoding == PositionEncoding.NONE ? null : factors(first, count, true);
  }

  /// As [#queries] for keys.
  @Nullable Tensor keys(long first, long count) {
    return encoding == PositionEncoding.NONE ? null : factors(first, count, false);
  }

  /// A reference of the caller's own: the cache may let go of its one meanwhile.
  private synchronized Tensor factors(long first, long count, boolean ofQueries) {
    Factors found = factors(first, Math.toIntExact(count));
    return new Tensor(ofQueries ? found.queries : found.keys);
  }

  private Factors factors(long first, int count) {
    Key key = new Key(first % period, count);
    Factors found = cache.get(key);
    if (found == null) {
      found = compute(key);
      cache.put(key, found);
      evict();
    }
    return found;
  }

  /// As [#queries]; queries' and keys' are one tensor where they are the same.
  private Factors compute(Key key) {
    boolean decays = encoding == PositionEncoding.XPOS;
    int width = 2 * width();
    float[] queries = new float[Math.multiplyExact(key.count, width)];
    float[] keys = apart ? new float[queries.length] : queries;
    for (int row = 0; row < key.count; row++) {
      long position = (key.first + row) % period;
      int at = row * width + (heads - 1) * 2 * pairs;
      for (int i = 0; i < pairs; i++, at += 2) {
        double angle = position * theta[i];
        double cos = Math.cos(angle);
        double sin = Math.sin(angle);
        double decay = decays ? Math.exp((position - centre) * logDecay[i]) : 1;
        queries[at] = (float) (cos * decay);
        queries[at + 1] = (float) (sin * decay);
        if (apart) {
          keys[at] = (float) (cos / decay);
          keys[at + 1] = (float) (sin / decay);
        }
      }
      spread(queries, row * width, (float) nopeFactor.applyAsDouble(position));
      if (apart) {
        spread(keys, row * width, 1);
      }
    }
    Tensor q = tensor(queries, key.count);
    return new Factors(q, apart ? tensor(keys, key.count) : q);
  }

  /// The last head's factors of a row become those of every head that turns.
  ///
  /// @param free that of the others
  private void spread(float[] factors, int row, float free) {
    int size = 2 * pairs;
    int last = row + (heads - 1) * size;
    for (int head = nopeHeads; head < heads - 1; head++) {
      System.arraycopy(factors, last, factors, row + head * size, size);
    }
    for (int i = row; i < row + nopeHeads * size; i += 2) {
      factors[i] = free;
      factors[i + 1] = 0;
    }
  }

  /// Factors of a row.
  private int width() {
    return heads * pairs;
  }

  private Tensor tensor(float[] values, int count) {
    try (PointerScope _ = new PointerScope()) {
      Tensor host = torch.empty(values.length);
      host.data_ptr_float().put(values, 0, values.length);
      Tensor moved =
          device.equals("cpu")
              ? host
              : host.to(
                  new TensorOptions(ScalarType.Float)
                      .device(new DeviceOptional(new Device(device))),
                  false,
                  false,
                  new MemoryFormatOptional());
      return torch.view_as_complex(moved.view(count, width(), 2)).retainReference();
    }
  }

  private void evict() {
    long held = cache.keySet().stream().mapToLong(this::held).sum();
    var eldest = cache.entrySet().iterator();
    while (held > CACHED_ROWS_TIMES_PAIRS && cache.size() > 1) {
      Map.Entry<Key, Factors> entry = eldest.next();
      held -= held(entry.getKey());
      free(entry.getValue());
      eldest.remove();
    }
  }

  private long held(Key key) {
    return (long) key.count * width() * (apart ? 2 : 1);
  }

  private static void free(Factors factors) {
    factors.queries.deallocate();
    if (factors.keys != factors.queries) {
      factors.keys.deallocate();
    }
  }

  @Override
  public void close() {
    cache.values().forEach(Positions::free);
    cache.clear();
  }
}
