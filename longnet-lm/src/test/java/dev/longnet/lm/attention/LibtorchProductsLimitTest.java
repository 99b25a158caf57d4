// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.torch.Torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which limits of oneDNN's leave it without products of bfloat16, which then end the process.
class LibtorchProductsLimitTest {
  @ParameterizedTest
  @CsvSource({
    "ALL, true",
    "default, true",
    "'', true",
    "avx512_core_bf16, true",
    "AVX512_CORE_FP16, true",
    "AVX512_CORE_AMX, true",
    "AVX10_1_512, true",
    "AVX512_CORE, false",
    "AVX512_CORE_VNNI, false",
    "AVX2_VNNI_2, false",
    "SSE41, false"
  })
  void anInstructionSetWithoutBfloatsIsNotAskedForThem(String isa, boolean multiplies) {
    Torch.load();
    assertThat(LibtorchProducts.multiplies(isa)).isEqualTo(multiplies);
  }
}
