// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

/// Where a text may be cut for a tokenizer: the ids of the parts are then the ids of the whole.
///
/// The parts but the first are encoded by [Tokenizer#encode(byte[], byte[])] with what stands
/// before them.
public interface TextCuts {
  /// For tokens that each hold one byte.
  TextCuts ANYWHERE =
      new TextCuts() {
        @Override
        public boolean at(byte[] utf8, int length, int place) {
          return true;
        }

        @Override
        public Preference preference() {
          return Preference.ANYWHERE;
        }
      };

  /// For tokenizers of which nothing is proven: their texts stay whole.
  TextCuts NOWHERE = (utf8, length, place) -> false;

  /// Which of several places is taken. It decides where pieces end, and never an id.
  enum Preference {
    ANYWHERE,
    /// The beginning of a line where there is one.
    LINE,
    /// The last one.
    LAST
  }

  /// Whether nothing that follows `length`, or stands before the text, keeps a text from being cut
  /// before the byte at `place`.
  ///
  /// @param length bytes of the array that are text; more text may follow
  /// @param place from 1 to length - 1
  boolean at(byte[] utf8, int length, int place);

  default Preference preference() {
    return Preference.LAST;
  }

  /// The last place above `least`, or 0.
  default int last(byte[] utf8, int length, int least) {
    for (int place = length - 1; place > least; place--) {
      if (at(utf8, length, place)) {
        return place;
      }
    }
    return 0;
  }
}
