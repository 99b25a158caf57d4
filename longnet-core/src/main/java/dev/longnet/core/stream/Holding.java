package dev.longnet.core.stream;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.MixerConfig;
import java.util.ArrayList;
import java.util.List;

/// Which positions a cache holds after some number of tokens, in integers only.
sealed interface Holding {
  /// The most rows a head can come to hold.
  long mostRows();

  /// Rows head `head` holds when `tokens` tokens have been read and the next one is about to be:
  /// those later queries may still see.
  long held(int head, long tokens);

  /// The live segment of one branch of dilated attention: at most ceil(w / r) rows a head,
  /// forgotten at its end.
  record LiveSegment(long length, long dilation, HeadOffsets offsets, int heads)
      implements Holding {
    long offset(int head) {
      return offsets.offset(head, heads, dilation);
    }

    /// Where the segment of `position` starts.
    long start(long position) {
      return position - position % length;
    }

    /// The positions in `[from, to)` that a head keeps, of the segment that starts at `start` and
    /// holds them all.
    Rows kept(int head, long start, long from, long to) {
      long first = start + offset(head);
      if (first < from) {
        first += Math.ceilDiv(from - first, dilation) * dilation;
      }
      return first >= to
          ? new Rows(from, dilation, 0)
          : new Rows(first, dilation, (to - first - 1) / dilation + 1);
    }

    @Override
    public long mostRows() {
      return Math.ceilDiv(length, dilation);
    }

    @Override
    public long held(int head, long tokens) {
      return kept(head, start(tokens), start(tokens), tokens).count();
    }
  }

  /// The columns of sparse attention: positions `head mod s + t s` (t < columns, s = floor(block /
  /// columns)) of every block. Grows with the stream.
  record Columns(long block, long columns) implements Holding {
    long stride() {
      return block / columns;
    }

    long column(int head, long t) {
      return head % stride() + t * stride();
    }

    @Override
    public long mostRows() {
      return Long.MAX_VALUE;
    }

    @Override
    public long held(int head, long tokens) {
      long rest = tokens % block;
      long within = 0;
      while (within < columns && column(head, within) < rest) {
        within++;
      }
      return tokens / block * columns + within;
    }
  }

  /// One holding for each kind of fold of an attention.
  static List<Holding> of(MixerConfig mixer, int heads) {
    return switch ((AttentionConfig) mixer) {
      case AttentionConfig.Blockwise _ -> throw new IllegalArgumentException("blockwise");
      case AttentionConfig.Dilated dilated -> {
        HeadOffsets offsets = dilated.headOffsets();
        List<Holding> all = new ArrayList<>();
        for (Branch branch : dilated.segments()) {
          all.add(new LiveSegment(branch.segmentLength(), branch.dilation(), offsets, heads));
        }
        yield all;
      }
      case AttentionConfig.Dense _ ->
          List.of(new LiveSegment(Long.MAX_VALUE, 1, HeadOffsets.INTERLEAVED, heads));
      case AttentionConfig.Sparse sparse ->
          List.of(
              new LiveSegment(sparse.blockLength(), 1, HeadOffsets.INTERLEAVED, heads),
              new Columns(sparse.blockLength(), sparse.columns()));
    };
  }
}
