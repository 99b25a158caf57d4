// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Memory that keeps its addresses and gives its pages back.
public final class PageMemory {
  /// Linux's number for it. There private pages are gone at once and read as zeros afterwards.
  private static final int DONT_NEED = 4;

  /// No page of Linux' machines is larger but for those that are asked for.
  private static final long PAGE = 64 << 10;

  private static final @Nullable MethodHandle ADVISE = advise();

  private PageMemory() {}

  @SuppressWarnings("restricted") // a call of the C library, whose signature is POSIX
  private static @Nullable MethodHandle advise() {
    if (!System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux")) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("madvise")
        .map(at ->
            linker.downcallHandle(
                at,
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT)))
        .orElse(null);
  }

  /// Sets everything to 0. Where the system can, whole pages go back to it until they are written
  /// again.
  ///
  /// @param memory of nobody else's: anonymous and private, as allocators have it
  public static void clear(MemorySegment memory) {
    long begin = Math.ceilDiv(memory.address(), PAGE) * PAGE - memory.address();
    long end = (memory.address() + memory.byteSize()) / PAGE * PAGE - memory.address();
    if (ADVISE == null || end <= begin || !release(ADVISE, memory.asSlice(begin, end - begin))) {
      memory.fill((byte) 0);
      return;
    }
    memory.asSlice(0, begin).fill((byte) 0);
    memory.asSlice(end).fill((byte) 0);
  }

  /// @return whether the pages are gone
  private static boolean release(MethodHandle advise, MemorySegment pages) {
    try {
      return (int) advise.invokeExact(pages, pages.byteSize(), DONT_NEED) == 0;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
