// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NativeTokenizerTest {
  @Test
  void aFolderThatRunsNoCodeHasARemedy() {
    String file = "/home/a/.djl.ai/tokenizers/libtokenizers.so: ";
    Error load = new UnsatisfiedLinkError(file + file + "failed to map segment from shared object");
    assertThat(NativeTokenizer.missing(new ExceptionInInitializerError(load)))
        .hasMessageContaining("does not load from ")
        .hasMessageContaining("(failed to map segment from shared object)")
        .hasMessageContaining("LONGNET_JAVA_OPTS=-DENGINE_CACHE_DIR=DIR");
  }
}
