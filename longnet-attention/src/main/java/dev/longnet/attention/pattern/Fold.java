// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// One piece of an attention pattern. Every query row attends to every key row; in a causal
/// pattern, to those at its own position or before.
///
/// @param window a query at p sees keys after `p - window` alone; `Long.MAX_VALUE` where nothing
///   but causality bounds it. Where it does, all keys lie before all queries
public record Fold(Rows queries, Rows keys, long window) {
  public Fold {
    if (window < 1) {
      throw new IllegalArgumentException("window must be positive: window=" + window);
    }
    if (window < Long.MAX_VALUE
        && !queries.isEmpty()
        && !keys.isEmpty()
        && keys.last() >= queries.first()) {
      throw new IllegalArgumentException(
          "keys of a window must lie before its queries: keys=" + keys + ", queries=" + queries);
    }
  }

  /// Nothing but causality bounds what a query sees.
  public Fold(Rows queries, Rows keys) {
    this(queries, keys, Long.MAX_VALUE);
  }

  public boolean isWindowed() {
    return window < Long.MAX_VALUE;
  }

  /// The fold whose queries see keys of the last `window` positions alone, without the rows that
  /// see none or are seen by none.
  public Fold within(long window) {
    return new Fold(queries, keys, window).narrowed();
  }

  /// The same fold without the queries and keys that its window keeps apart.
  public Fold narrowed() {
    if (!isWindowed() || queries.isEmpty() || keys.isEmpty()) {
      return this;
    }
    Rows near = keys.within(queries.first() - window + 1, Long.MAX_VALUE);
    Rows able = near.isEmpty() ? queries.slice(0, 0) : queries.within(0, near.last() + window);
    return new Fold(able, near, window);
  }

  /// The same fold for some of its rows.
  public Fold of(Rows queries, Rows keys) {
    return new Fold(queries, keys, window).narrowed();
  }

  /// The keys that a query of the fold sees.
  ///
  /// @param causal whether the pattern is
  public Rows seen(long query, boolean causal) {
    Rows seen = causal ? keys.slice(0, keys.countUpTo(query)) : keys;
    return isWindowed() ? seen.within(query - window + 1, Long.MAX_VALUE) : seen;
  }

  /// About which position queries of a windowed fold are mirrored so that causality does what the
  /// window does. No mirrored position is negative.
  public long mirrorOfQueries() {
    return Math.max(queries.last(), keys.last() + window - 1);
  }

  /// The same of keys, which move by the window.
  public long mirrorOfKeys() {
    return mirrorOfQueries() - window + 1;
  }

  /// The number of query-key pairs, in a time that does not depend on the number of rows.
  double pairs(boolean causal) {
    if (queries.isEmpty() || keys.isEmpty()) {
      return 0;
    }
    if (isWindowed()) {
      return causalPairs(queries.mirrored(mirrorOfQueries()), keys.mirrored(mirrorOfKeys()));
    }
    return causal ? causalPairs(queries, keys) : (double) queries.count() * keys.count();
  }

  private static double causalPairs(Rows queries, Rows keys) {
    Rows able = queries.within(keys.first(), Long.MAX_VALUE);
    Rows some = able.within(0, keys.last());
    double whole = (double) (able.count() - some.count()) * keys.count();
    return some.isEmpty()
        ? whole
        : whole
            + some.count()
            + quotients(some.count(), keys.stride(), some.stride(), some.first() - keys.first());
  }

  /// sum over i < n of floor((a i + b) / m), after Euclid: the lattice points below a line are
  /// those of its whole part and, with axes exchanged, those below the line of the rest.
  private static double quotients(long n, long m, long a, long b) {
    double sum = 0;
    while (true) {
      double most = n;
      long steps = a / m;
      long base = b / m;
      sum += steps * (most * (most - 1) / 2) + base * most;
      long slope = a % m;
      long start = b % m;
      long top = slope * n + start;
      if (top < m) {
        return sum;
      }
      n = top / m;
      b = top % m;
      a = m;
      m = slope;
    }
  }
}
