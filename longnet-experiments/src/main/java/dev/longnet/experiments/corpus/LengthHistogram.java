// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.corpus;

import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.io.AtomicFiles;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jfree.chart.ChartFactory;
import org.jfree.chart.ChartUtils;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.data.category.DefaultCategoryDataset;

/// Documents by length in tokens, one bin from each power of two to the next. The share of tokens
/// matters beside the share of documents: a few long documents may hold most of a corpus.
public final class LengthHistogram {
  private static final int BINS = 63;
  private static final int BAR = 40;

  private final long[] documents = new long[BINS];
  private final long[] tokens = new long[BINS];
  private long longest;

  /// Adds every document of a split.
  public void add(TokenSplit split) {
    for (long i = 0; i < split.documents(); i++) {
      TokenDocument d = split.document(i);
      int bin = bin(d.tokens());
      documents[bin]++;
      tokens[bin] += d.tokens();
      longest = Math.max(longest, d.tokens());
    }
  }

  /// Bin k holds lengths from 2^k to 2^(k+1) - 1.
  private static int bin(long length) {
    return Math.max(0, 63 - Long.numberOfLeadingZeros(length));
  }

  public long longest() {
    return longest;
  }

  private int first() {
    int first = 0;
    while (first < BINS - 1 && documents[first] == 0) {
      first++;
    }
    return first;
  }

  /// Bars of text, one line a bin.
  public List<String> lines() {
    long most = 1;
    long all = 0;
    for (int i = 0; i < BINS; i++) {
      most = Math.max(most, documents[i]);
      all += tokens[i];
    }
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(Locale.ROOT, "%12s  %12s  %9s", "tokens from", "documents", "of tokens"));
    for (int i = first(); longest > 0 && i <= bin(longest); i++) {
      int bar = documents[i] == 0 ? 0 : (int) Math.max(1, BAR * documents[i] / most);
      lines.add(
          String.format(
                  Locale.ROOT,
                  "%,12d  %,12d  %7.1f %%  %s",
                  1L << i,
                  documents[i],
                  100.0 * tokens[i] / all,
                  "█".repeat(bar))
              .stripTrailing());
    }
    return lines;
  }

  /// Draws the same bars as a picture.
  public void writePng(Path file, String title) throws IOException {
    DefaultCategoryDataset data = new DefaultCategoryDataset();
    for (int i = first(); longest > 0 && i <= bin(longest); i++) {
      data.addValue(documents[i], "documents", label(i));
    }
    JFreeChart chart =
        ChartFactory.createBarChart(title, "tokens in a document (from)", "documents", data);
    chart.removeLegend();
    CategoryPlot plot = chart.getCategoryPlot();
    plot.setBackgroundPaint(Color.WHITE);
    plot.setRangeGridlinePaint(Color.LIGHT_GRAY);
    plot.setOutlineVisible(false);
    plot.getDomainAxis().setCategoryMargin(0.05);
    plot.getRangeAxis().setStandardTickUnits(NumberAxis.createStandardTickUnits(Locale.ROOT));
    BarRenderer bars = (BarRenderer) plot.getRenderer();
    bars.setBarPainter(new StandardBarPainter());
    bars.setShadowVisible(false);
    bars.setSeriesPaint(0, new Color(0x2f6f9f));
    AtomicFiles.write(file, out -> ChartUtils.writeChartAsPNG(out, chart, 1200, 600));
  }

  private static String label(int bin) {
    return bin < 10
        ? String.valueOf(1L << bin)
        : bin < 20
            ? (1L << bin - 10) + "k"
            : bin < 30 ? (1L << bin - 20) + "M" : (1L << bin - 30) + "G";
  }
}
