// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// One axis of a chart: values in [low, high] to [0, 1], linear or logarithmic, with ticks a person
/// would choose.
record Axis(String label, double low, double high, boolean logarithmic) {
  private static final int TICKS = 5;

  Axis {
    if (!(low < high) || logarithmic && !(low > 0)) {
      throw new IllegalArgumentException(
          "an axis needs low < high, both positive when logarithmic: " + low + ", " + high);
    }
  }

  /// An axis around the finite ones of the values, with some air above and below.
  static Axis around(String label, double[] values, boolean logarithmic) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      if (Double.isFinite(value) && (!logarithmic || value > 0)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (low > high) {
      low = 0.1;
      high = 1;
    }
    if (logarithmic) {
      double air = Math.max(1.02, Math.pow(high / low, 0.05));
      return new Axis(label, low / air, high * air, true);
    }
    double air = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.1, 1e-9);
    boolean fromZero = low >= 0 && low < 0.35 * high;
    return new Axis(label, fromZero ? 0 : low - air, high + air, false);
  }

  /// From 0 to the highest value, with some air above.
  static Axis fromZero(String label, double[] values) {
    Axis around = around(label, values, false);
    return new Axis(label, Math.min(0, around.low()), around.high(), false);
  }

  /// From the first to the last value, without air.
  static Axis spanning(String label, double low, double high) {
    return new Axis(label, low, high > low ? high : low + 1, false);
  }

  double position(double value) {
    return logarithmic
        ? Math.log(value / low) / Math.log(high / low)
        : (value - low) / (high - low);
  }

  List<Double> ticks() {
    return logarithmic ? logarithmicTicks() : linearTicks();
  }

  private List<Double> linearTicks() {
    double step = niceStep((high - low) / TICKS);
    List<Double> ticks = new ArrayList<>();
    for (long i = (long) Math.ceil(low / step - 1e-9);
        i * step <= high * (1 + 1e-12) + 1e-300;
        i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /// 1, 2, 5 of every decade, or powers of ten alone where that is too many; linear ones within
  /// less than a decade.
  private List<Double> logarithmicTicks() {
    double decades = Math.log10(high / low);
    if (decades < 1) {
      return linearTicks();
    }
    double[] digits = decades <= 2.5 ? new double[] {1, 2, 5} : new double[] {1};
    int every = Math.max(1, (int) Math.ceil(decades / 7));
    List<Double> ticks = new ArrayList<>();
    for (int power = (int) Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (double digit : digits) {
        double tick = digit * Math.pow(10, power);
        if (tick >= low && tick <= high && Math.floorMod(power, every) == 0) {
          ticks.add(tick);
        }
      }
    }
    return ticks;
  }

  /// 1, 2 or 5 times a power of ten, at least `rough`.
  private static double niceStep(double rough) {
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
  }

  /// 12,000 as 12k, 0.0006 as 6e-4: short and exact enough for a tick.
  static String number(double value) {
    double size = Math.abs(value);
    if (size == 0) {
      return "0";
    }
    if (size >= 1e9) {
      return trimmed(value / 1e9) + "G";
    }
    if (size >= 1e6) {
      return trimmed(value / 1e6) + "M";
    }
    if (size >= 1e4) {
      return trimmed(value / 1e3) + "k";
    }
    if (size < 0.001) {
      return String.format(Locale.ROOT, "%.1e", value).replace(".0e", "e").replace("e-0", "e-");
    }
    return trimmed(value);
  }

  private static String trimmed(double value) {
    double size = Math.abs(value);
    String text =
        String.format(Locale.ROOT, size >= 100 ? "%.1f" : size >= 1 ? "%.3f" : "%.4f", value);
    return text.replaceAll("\\.?0+$", "");
  }
}
