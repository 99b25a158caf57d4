// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

/// How several evaluate one model together, as one of them sees it. They form groups: the groups
/// share out the windows, and within a group each holds a neighbouring part of every window of
/// theirs. All score the same text in the same way, and come to the same results.
///
/// Turns are numbered from 0, windows or documents that go through the model at once.
public interface Sharing {
  /// One alone holds and takes everything.
  Sharing ALONE =
      new Sharing() {
        @Override
        public Part part(int window) {
          return new Part(0, window);
        }

        @Override
        public boolean takes(long turn) {
          return true;
        }

        @Override
        public boolean takesAlone(long turn) {
          return true;
        }

        @Override
        public double[] sums(double... own) {
          return own;
        }
      };

  /// @param first position in its window of the first token held
  /// @param tokens held; may be 0
  record Part(int first, int tokens) {}

  /// @param window tokens of a window, N
  Part part(int window);

  /// Whether a turn is this one's group's.
  boolean takes(long turn);

  /// Whether what one can do without the others is this one's, of a turn.
  boolean takesAlone(long turn);

  /// Adds up each number over all; waits for the others.
  ///
  /// @param own as many everywhere
  /// @return the same sums everywhere
  double[] sums(double... own);
}
