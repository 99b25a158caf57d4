// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import dev.longnet.core.data.Digests;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/// OpenAI's encodings by jtokkit. Valid UTF-8 gets the ids tiktoken's `encode_ordinary` gives;
/// bytes that are not valid UTF-8 are encoded one by one as the vocabulary's byte tokens, so that
/// any input survives a round trip.
///
/// The one difference: a word of more than 65,536 characters (DNA without newlines) is encoded in
/// pieces of that length, which bounds the memory it takes ([LongWords]). It comes back exactly;
/// around the cuts its ids are not tiktoken's.
final class TiktokenTokenizer implements Tokenizer {
  private final String name;
  private final Encoding encoding;
  private final int endOfText;

  /// Bytes of each id; ids that stand for no text (special or unused ones) have none.
  private final byte[][] bytesOf;

  /// The id of each single byte.
  private final int[] byteIds = new int[256];

  private TiktokenTokenizer(EncodingType type, int endOfText, int vocabularySize) {
    this.name = type.getName();
    this.encoding = Encodings.newLazyEncodingRegistry().getEncoding(type);
    this.endOfText = endOfText;
    this.bytesOf = new byte[vocabularySize][];
    IntArrayList one = new IntArrayList(1);
    one.add(0);
    Arrays.fill(byteIds, -1);
    for (int id = 0; id < vocabularySize; id++) {
      // Special tokens and the gaps between them come after the end-of-text token or just before
      // it.
      if (id >= endOfText - 1 && !isOrdinary(type, id)) {
        bytesOf[id] = new byte[0];
        continue;
      }
      one.set(0, id);
      bytesOf[id] = encoding.decodeBytes(one);
      if (bytesOf[id].length == 1) {
        byteIds[bytesOf[id][0] & 0xff] = id;
      }
    }
    for (int b = 0; b < 256; b++) {
      if (byteIds[b] < 0) {
        throw new IllegalStateException(name + " has no token for byte " + b);
      }
    }
  }

  static Tokenizer cl100k() {
    return new TiktokenTokenizer(EncodingType.CL100K_BASE, 100_257, 100_277);
  }

  static Tokenizer o200k() {
    return new TiktokenTokenizer(EncodingType.O200K_BASE, 199_999, 200_019);
  }

  private static boolean isOrdinary(EncodingType type, int id) {
    int ordinary = type == EncodingType.CL100K_BASE ? 100_256 : 199_998;
    return id < ordinary;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int vocabularySize() {
    return bytesOf.length;
  }

  @Override
  public int endOfText() {
    return endOfText;
  }

  @Override
  public int[] encode(byte[] utf8) {
    IntArrayList ids = new IntArrayList(utf8.length / 3 + 8);
    Utf8Runs.split(
        utf8,
        new Utf8Runs.Sink() {
          @Override
          public void text(String run) {
            LongWords.cut(
                run,
                part -> {
                  IntArrayList partIds = encoding.encodeOrdinary(part);
                  for (int i = 0; i < partIds.size(); i++) {
                    ids.add(partIds.get(i));
                  }
                });
          }

          @Override
          public void invalidByte(int unsigned) {
            ids.add(byteIds[unsigned]);
          }
        });
    return ids.toArray();
  }

  @Override
  public byte[] decode(int[] ids) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(ids.length * 4);
    for (int id : ids) {
      if (id < 0 || id >= bytesOf.length) {
        throw new IllegalArgumentException(
            "token id must be from 0 to " + (bytesOf.length - 1) + ": id=" + id);
      }
      out.writeBytes(bytesOf[id]);
    }
    return out.toByteArray();
  }

  @Override
  public TextCuts cuts() {
    return WordCuts.INSTANCE;
  }

  @Override
  public boolean hasText(int id) {
    return id >= 0 && id < bytesOf.length && bytesOf[id].length > 0;
  }

  @Override
  public boolean lossless() {
    return true;
  }

  @Override
  public String fingerprint() {
    MessageDigest sha = Digests.sha256();
    for (byte[] bytes : bytesOf) {
      sha.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
      sha.update(bytes);
    }
    return name + "-" + HexFormat.of().formatHex(sha.digest(), 0, 16);
  }
}
