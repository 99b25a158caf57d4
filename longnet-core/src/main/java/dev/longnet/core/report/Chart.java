// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/// A line chart as one SVG element that stands alone as a file and adapts to light and dark inside
/// a page.
///
/// @param xTicks values to mark on the x axis; empty: chosen
/// @param marks upright lines
record Chart(
    String title, Axis x, Axis y, List<Series> series, List<Double> xTicks, List<Mark> marks) {
  static final int WIDTH = 560;
  static final int HEIGHT = 300;
  private static final int LEFT = 58;
  private static final int RIGHT = 16;
  private static final int TOP = 40;
  private static final int BOTTOM = 44;
  private static final int MOST_TICKS = 11;
  private static final int LEGEND_LINE = 16;

  /// Told apart also by people who see no red or no green (Okabe and Ito 2008).
  private static final String[] COLOURS = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
  };

  /// Where something begins.
  record Mark(double x, String label) {}

  /// Without marks.
  Chart(String title, Axis x, Axis y, List<Series> series, List<Double> xTicks) {
    this(title, x, y, series, xTicks, List.of());
  }

  Chart marked(List<Mark> others) {
    return new Chart(title, x, y, series, xTicks, others);
  }

  /// Steps along x, a logarithmic y that fits.
  static Chart logarithmic(String title, String yLabel, List<Series> series) {
    return new Chart(
        title, steps(series), Axis.around(yLabel, all(series, false), true), series, List.of());
  }

  /// Steps along x, y from zero.
  static Chart fromZero(String title, String yLabel, List<Series> series) {
    return new Chart(
        title, steps(series), Axis.fromZero(yLabel, all(series, false)), series, List.of());
  }

  private static Axis steps(List<Series> series) {
    double[] xs = all(series, true);
    return Axis.spanning(
        "step", DoubleStream.of(xs).min().orElse(0), DoubleStream.of(xs).max().orElse(1));
  }

  /// A logarithmic x with ticks at the values themselves.
  static Chart byLength(String title, String xLabel, String yLabel, List<Series> series) {
    double[] xs = DoubleStream.of(all(series, true)).sorted().distinct().toArray();
    Axis x = Axis.around(xLabel, xs, true);
    Axis y = Axis.around(yLabel, all(series, false), false);
    // The labels of many would overlap: the last one stays, and every other, every third, …
    int every = Math.ceilDiv(xs.length, MOST_TICKS);
    List<Double> ticks =
        IntStream.range(0, xs.length)
            .filter(i -> (xs.length - 1 - i) % every == 0)
            .mapToObj(i -> xs[i])
            .toList();
    return new Chart(title, x, y, series, ticks);
  }

  private static double[] all(List<Series> series, boolean x) {
    return series.stream().flatMapToDouble(s -> DoubleStream.of(x ? s.x() : s.y())).toArray();
  }

  String svg() {
    StringBuilder out = new StringBuilder();
    out.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\" ",
            WIDTH,
            HEIGHT,
            Html.escape(title)));
    out.append(
        "font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"currentColor\" color=\"#57606a\">\n");
    text(out, LEFT, 20, "start", "font-size=\"14\" font-weight=\"600\" class=\"title\"", title);
    grid(out);
    legend(out);
    for (int i = 0; i < marks.size(); i++) {
      draw(out, marks.get(i), top() + 8 + 11 * (i % 3));
    }
    for (int i = 0; i < series.size(); i++) {
      line(out, series.get(i).thinned(), colour(i));
    }
    return out.append("</svg>\n").toString();
  }

  private void grid(StringBuilder out) {
    for (double tick : y.ticks()) {
      double at = vertical(tick);
      out.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\" stroke=\"currentColor\" stroke-opacity=\".18\"/>\n",
              LEFT,
              WIDTH - RIGHT,
              px(at),
              px(at)));
      text(out, LEFT - 6, at + 4, "end", "", Axis.number(tick));
    }
    List<Double> ticks = xTicks.isEmpty() ? x.ticks() : xTicks;
    for (double tick : ticks) {
      double at = horizontal(tick);
      out.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\" stroke=\"currentColor\" stroke-opacity=\".6\"/>\n",
              px(at),
              px(at),
              HEIGHT - BOTTOM,
              HEIGHT - BOTTOM + 4));
      String label =
          xTicks.isEmpty()
              ? Axis.number(tick)
              : String.format(Locale.ROOT, "%,d", Math.round(tick));
      text(out, at, HEIGHT - BOTTOM + 16, "middle", "", label);
    }
    out.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"currentColor\" stroke-opacity=\".6\"/>\n",
            LEFT,
            WIDTH - RIGHT,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM));
    text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "middle", "", x.label());
    out.append(
        String.format(
            Locale.ROOT,
            "<text transform=\"translate(13 %s) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
            px((top() + HEIGHT - BOTTOM) / 2.0),
            Html.escape(y.label())));
  }

  /// @param height of the label, which may stand beside others
  private void draw(StringBuilder out, Mark mark, int height) {
    double at = horizontal(mark.x);
    out.append(
        String.format(
            Locale.ROOT,
            "<line class=\"mark\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\" stroke=\"currentColor\" stroke-opacity=\".6\" stroke-dasharray=\"3 3\"/>\n",
            px(at),
            px(at),
            top(),
            HEIGHT - BOTTOM));
    boolean right = at > WIDTH - 120;
    text(
        out,
        right ? at - 4 : at + 4,
        height,
        right ? "end" : "start",
        "font-size=\"10\"",
        mark.label);
  }

  /// Beside the title, or in lines of its own below it where there is no room.
  private void legend(StringBuilder out) {
    if (legendLines() > 0) {
      legendBelow(out);
      return;
    }
    double at = WIDTH - RIGHT;
    for (int i = series.size() - 1; i >= 0; i--) {
      String name = series.get(i).name();
      if (!name.isEmpty()) {
        text(out, at, 20, "end", "", name);
        at -= 6.1 * name.length() + 6;
        swatch(out, at - 14, 16, i);
        at -= 26;
      }
    }
  }

  private void legendBelow(StringBuilder out) {
    double at = LEFT;
    double line = 36;
    for (int i = 0; i < series.size(); i++) {
      String name = series.get(i).name();
      if (!name.isEmpty()) {
        if (at > LEFT && at + legendWidth(name) > WIDTH - RIGHT) {
          at = LEFT;
          line += LEGEND_LINE;
        }
        swatch(out, at, line - 4, i);
        text(out, at + 18, line, "start", "", name);
        at += legendWidth(name);
      }
    }
  }

  private void swatch(StringBuilder out, double x, double y, int series) {
    out.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"3\"/>\n",
            px(x),
            px(x + 14),
            Math.round(y),
            Math.round(y),
            colour(series)));
  }

  private static double legendWidth(String name) {
    return 6.1 * name.length() + 32;
  }

  /// Lines of the legend below the title; 0: it has room beside the title.
  private int legendLines() {
    List<String> names = series.stream().map(Series::name).filter(n -> !n.isEmpty()).toList();
    double width = names.stream().mapToDouble(Chart::legendWidth).sum();
    // Bold letters of 14 pixels in the widest of the usual fonts.
    if (LEFT + 9.8 * title.length() + width < WIDTH - RIGHT) {
      return 0;
    }
    int lines = 1;
    double at = 0;
    for (String name : names) {
      if (at > 0 && at + legendWidth(name) > WIDTH - RIGHT - LEFT) {
        at = 0;
        lines++;
      }
      at += legendWidth(name);
    }
    return lines;
  }

  /// Where the plot itself begins.
  private int top() {
    return TOP + LEGEND_LINE * legendLines();
  }

  private void line(StringBuilder out, Series s, String colour) {
    boolean faint = s.style() == Series.Style.FAINT;
    List<StringBuilder> pieces = new ArrayList<>();
    boolean open = false;
    for (int i = 0; i < s.x().length; i++) {
      boolean visible = Double.isFinite(s.y()[i]) && (!y.logarithmic() || s.y()[i] > 0);
      if (visible) {
        if (!open) {
          pieces.add(new StringBuilder());
        }
        pieces
            .getLast()
            .append(px(horizontal(s.x()[i])))
            .append(',')
            .append(px(vertical(s.y()[i])))
            .append(' ');
      }
      open = visible;
    }
    for (StringBuilder piece : pieces) {
      out.append(
          String.format(
              Locale.ROOT,
              "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-opacity=\"%s\" "
                  + "stroke-linejoin=\"round\" stroke-linecap=\"round\" points=\"%s\"/>\n",
              colour,
              faint ? "1" : "2",
              faint ? ".35" : "1",
              piece.toString().strip()));
    }
    if (s.style() == Series.Style.MARKED) {
      for (int i = 0; i < s.x().length; i++) {
        if (Double.isFinite(s.y()[i])) {
          String at = px(horizontal(s.x()[i]));
          out.append(
              String.format(
                  Locale.ROOT,
                  "<circle cx=\"%s\" cy=\"%s\" r=\"4\" fill=\"%s\"><title>%s: %s</title></circle>\n",
                  at,
                  px(vertical(s.y()[i])),
                  colour,
                  Axis.number(s.x()[i]),
                  Axis.number(s.y()[i])));
        }
      }
    }
  }

  /// A faint series and the smoothed one after it share a colour.
  private String colour(int index) {
    int number = 0;
    for (int i = 0; i < index; i++) {
      number += series.get(i).style() == Series.Style.FAINT ? 0 : 1;
    }
    return COLOURS[number % COLOURS.length];
  }

  private double horizontal(double value) {
    return LEFT + x.position(value) * (WIDTH - LEFT - RIGHT);
  }

  private double vertical(double value) {
    return HEIGHT - BOTTOM - y.position(value) * (HEIGHT - top() - BOTTOM);
  }

  private static void text(
      StringBuilder out, double x, double y, String anchor, String style, String text) {
    out.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%s\" y=\"%s\" text-anchor=\"%s\" %s>%s</text>\n",
            px(x),
            px(y),
            anchor,
            style,
            Html.escape(text)));
  }

  private static String px(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
