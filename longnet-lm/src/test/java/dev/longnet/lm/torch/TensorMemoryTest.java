// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.io.DType;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorMemoryTest {
  @TempDir Path temporary;

  @BeforeAll
  static void load() {
    Torch.load();
  }

  @Test
  void tensorAndSegmentAreTheSameMemory() {
    try (PointerScope scope = new PointerScope();
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0, 1, 2, 3, 4, 5);
      try (Tensor tensor = TensorMemory.view(memory, ScalarType.Float, 2, 3)) {
        tensor.mul_(new Scalar(2.0));
        assertThat(memory.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(0, 2, 4, 6, 8, 10);
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, 5, 7);
        assertThat(tensor.sum().item_float()).isEqualTo(27);
        assertThat(TensorMemory.of(tensor).address()).isEqualTo(memory.address());
      }
    }
  }

  @Test
  void stridedViewReachesFromItsFirstElementToItsLast() {
    try (PointerScope scope = new PointerScope()) {
      Tensor whole = torch.arange(new Scalar(24)).to(ScalarType.Float).view(2, 3, 4);
      Tensor view = whole.select(1, 1).select(1, 2); // elements 6 and 18
      MemorySegment memory = TensorMemory.of(view);
      assertThat(memory.byteSize()).isEqualTo(13 * 4);
      assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(6);
      assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 12)).isEqualTo(18);
      assertThat(TensorMemory.of(whole.narrow(1, 0, 0)).byteSize()).isZero();
    }
  }

  @Test
  void memoryIsReleasedWithTheLastViewOnly() {
    int before = TensorMemory.kept();
    try (PointerScope outer = new PointerScope()) {
      Tensor view;
      try (PointerScope inner = new PointerScope()) {
        Tensor tensor =
            TensorMemory.view(Arena.ofAuto().allocate(4096, 64), ScalarType.Float, 1024);
        view = tensor.narrow(0, 1000, 24);
        outer.attach(view);
      }
      System.gc();
      assertThat(TensorMemory.kept()).isEqualTo(before + 1);
      view.fill_(new Scalar(1.0));
      assertThat(view.sum().item_float()).isEqualTo(24);
    }
    assertThat(TensorMemory.kept()).isEqualTo(before);
  }

  @Test
  void mappedFileBeyondTwoGibibytesIsATensor() throws IOException {
    long elements = (1L << 31) + 1024;
    Path file = temporary.resolve("sparse");
    try (Arena arena = Arena.ofShared();
        PointerScope scope = new PointerScope();
        FileChannel channel =
            FileChannel.open(
                file,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.SPARSE)) {
      MemorySegment memory = channel.map(MapMode.READ_WRITE, 0, elements * 4, arena);
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, elements - 1, 42);
      Tensor tensor = TensorMemory.view(memory, ScalarType.Float, elements / 1024, 1024);
      assertThat(tensor.select(0, elements / 1024 - 1).sum().item_float()).isEqualTo(42);
      assertThat(TensorMemory.of(tensor).byteSize()).isEqualTo(elements * 4);
    }
  }

  @Test
  void refusesWhatIsNoMemoryOfThisKind() {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> TensorMemory.view(arena.allocate(12), ScalarType.Float, 2, 2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("the tensor's elements take 16 bytes, its memory holds 12");
      assertThatThrownBy(
              () -> TensorMemory.view(MemorySegment.ofArray(new float[4]), ScalarType.Float, 4))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("outside the heap");
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void everyFileTypeIsATensorTypeOfItsSize(DType type) {
    try (PointerScope scope = new PointerScope()) {
      TensorEntry entry =
          new TensorEntry("x", type, new long[] {2}, Arena.ofAuto().allocate(2L * type.size(), 8));
      Tensor tensor = TensorMemory.view(entry);
      assertThat(tensor.element_size()).isEqualTo(type.size());
      assertThat(TensorMemory.entry("x", tensor).type()).isEqualTo(type);
    }
  }

  @Test
  void namedTensorsTravelThroughAFile() throws IOException {
    Path file = temporary.resolve("a.safetensors");
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.randn(3, 4);
      Map<String, Tensor> all = new LinkedHashMap<>();
      all.put("transposed", x.t());
      all.put("half", x.to(ScalarType.BFloat16));
      all.put("scalar", torch.tensor(5L));
      TensorFiles.write(file, Map.of("k", "v"), all);
      Map<String, Tensor> read = TensorFiles.read(file);
      assertThat(read.keySet()).isEqualTo(all.keySet().stream().collect(Collectors.toSet()));
      all.forEach((name, tensor) -> {
        assertThat(read.get(name).scalar_type().intern())
            .as(name)
            .isEqualTo(tensor.scalar_type().intern());
        assertThat(read.get(name).equal(tensor)).as(name).isTrue();
      });
    }
  }

  @Test
  void scopesFreeEverythingButWhatTheyReturn() throws InterruptedException {
    Operator flash = Operator.named("aten::_scaled_dot_product_flash_attention_for_cpu");
    Runnable step =
        () -> {
          try (PointerScope scope = new PointerScope()) {
            Tensor x = torch.randn(1, 2, 8, 4);
            Tensor[] results = flash.call(x, x, x, 0.0, true, Optional.empty(), Optional.empty());
            assertThat(Arrays.stream(results).map(Tensor::dim)).containsExactly(4L, 3L);
            Tensor sum = Scopes.tensor(() -> results[0].add(x).mul(x));
            assertThat(sum.size(2)).isEqualTo(8);
            TensorMemory.view(Arena.ofAuto().allocate(16), ScalarType.Float, 4)
                .add(new Scalar(1.0));
          }
        };
    step.run();
    long before = NativePointers.settled();
    for (int i = 0; i < 50; i++) {
      step.run();
    }
    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  @Test
  void resultsOutliveTheirScopeWithAndWithoutACallerScope() {
    Tensor free = Scopes.tensor(() -> torch.ones(1000).mul(torch.ones(1000)));
    assertThat(free.sum().item_float()).isEqualTo(1000);
    try (PointerScope scope = new PointerScope()) {
      Tensor scoped = Scopes.tensor(() -> torch.ones(1000));
      assertThat(scoped.sum().item_float()).isEqualTo(1000);
    }
    free.close();
  }
}
