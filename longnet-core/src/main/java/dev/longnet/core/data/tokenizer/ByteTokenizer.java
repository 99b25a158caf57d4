// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.Tokenizer;
import java.util.Arrays;

/// Each byte is its own id; 256 ends a document.
final class ByteTokenizer implements Tokenizer {
  private static final int END_OF_TEXT = 256;

  @Override
  public String name() {
    return "bytes";
  }

  @Override
  public int vocabularySize() {
    return END_OF_TEXT + 1;
  }

  @Override
  public int endOfText() {
    return END_OF_TEXT;
  }

  @Override
  public int[] encode(byte[] utf8) {
    int[] ids = new int[utf8.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = utf8[i] & 0xff;
    }
    return ids;
  }

  @Override
  public short[] encodeShort(byte[] utf8, boolean end) {
    short[] ids = new short[utf8.length + (end ? 1 : 0)];
    for (int i = 0; i < utf8.length; i++) {
      ids[i] = (short) (utf8[i] & 0xff);
    }
    if (end) {
      ids[utf8.length] = END_OF_TEXT;
    }
    return ids;
  }

  @Override
  public byte[] decode(int[] ids) {
    byte[] bytes = new byte[ids.length];
    int length = 0;
    for (int id : ids) {
      if (id < 0 || id > END_OF_TEXT) {
        throw new IllegalArgumentException("token id must be from 0 to 256: id=" + id);
      }
      if (id != END_OF_TEXT) {
        bytes[length++] = (byte) id;
      }
    }
    return Arrays.copyOf(bytes, length);
  }

  @Override
  public TextCuts cuts() {
    return TextCuts.ANYWHERE;
  }

  @Override
  public boolean hasText(int id) {
    return id >= 0 && id < END_OF_TEXT;
  }

  @Override
  public boolean lossless() {
    return true;
  }

  @Override
  public String fingerprint() {
    return "bytes-1";
  }
}
