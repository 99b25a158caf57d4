// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.EOFException;
import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;

/// Reads the pickles that `torch.save` writes and executes nothing: a stack machine that knows
/// tensors, numbers, strings, containers and the objects that hold fairseq's settings
/// ([PickledObject]). Any other class or function is named and refused; so is every opcode that
/// could call one.
///
/// Values come back as `Map`, `List`, `Set`, `String`, `Long`, `BigInteger`, `Double`, `Boolean`,
/// `byte[]`, `null`, [PickledObject] and [TensorRef].
final class TensorPickle {
  /// A tensor as the pickle describes it: a window on a storage, strides in elements.
  record TensorRef(StorageRef storage, long offset, long[] shape, long[] strides) {}

  /// @param key name of the archive's record that holds the elements
  record StorageRef(DType type, String key, long elements) {}

  private record Global(String name) {}

  private static final Map<String, DType> STORAGES =
      Map.ofEntries(
          Map.entry("torch.DoubleStorage", DType.F64),
          Map.entry("torch.FloatStorage", DType.F32),
          Map.entry("torch.HalfStorage", DType.F16),
          Map.entry("torch.BFloat16Storage", DType.BF16),
          Map.entry("torch.LongStorage", DType.I64),
          Map.entry("torch.IntStorage", DType.I32),
          Map.entry("torch.ShortStorage", DType.I16),
          Map.entry("torch.CharStorage", DType.I8),
          Map.entry("torch.ByteStorage", DType.U8),
          Map.entry("torch.BoolStorage", DType.BOOL));

  private static final Object MARK = new Object();
  private static final int MAX_RANK = 16;

  private final ByteBuffer in;
  private final ArrayList<Object> stack = new ArrayList<>();
  private final Map<Long, Object> memo = new HashMap<>();

  private TensorPickle(byte[] pickle) {
    this.in = ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// @throws IllegalArgumentException with what is wrong or refused; the caller adds the file's
  ///   name
  static Object read(byte[] pickle) {
    TensorPickle machine = new TensorPickle(pickle);
    try {
      return machine.run();
    } catch (BufferUnderflowException | EOFException e) {
      throw new IllegalArgumentException(
          "the pickle is truncated at byte " + machine.in.position(), e);
    } catch (ClassCastException
        | IndexOutOfBoundsException
        | NegativeArraySizeException
        | NoSuchElementException
        | NullPointerException e) { // what a wrong operand on the stack comes to
      throw new IllegalArgumentException(
          "the pickle is malformed at byte " + machine.in.position(), e);
    }
  }

  private Object run() throws EOFException {
    while (true) {
      int op = in.get() & 0xff;
      switch (op) {
        case 0x80 -> protocol(in.get() & 0xff);
        case 0x95 -> in.getLong(); // FRAME: only a hint for streaming readers
        case '.' -> {
          return pop();
        }
        case '(' -> stack.add(MARK);
        case '0' -> pop();
        case '1' -> popMark();
        case 'N' -> stack.add(null);
        case 0x88 -> stack.add(true);
        case 0x89 -> stack.add(false);
        case 'J' -> stack.add((long) in.getInt());
        case 'K' -> stack.add((long) (in.get() & 0xff));
        case 'M' -> stack.add((long) (in.getShort() & 0xffff));
        case 0x8a -> stack.add(integer(in.get() & 0xff));
        case 0x8b -> stack.add(integer(in.getInt()));
        case 'G' -> stack.add(Double.longBitsToDouble(Long.reverseBytes(in.getLong())));
        case 'X' -> stack.add(utf8(in.getInt() & 0xffffffffL));
        case 0x8c -> stack.add(utf8(in.get() & 0xff));
        case 0x8d -> stack.add(utf8(in.getLong()));
        case 'T' -> stack.add(latin1(in.getInt()));
        case 'U' -> stack.add(latin1(in.get() & 0xff));
        case 'B' -> stack.add(bytes(in.getInt() & 0xffffffffL));
        case 'C' -> stack.add(bytes(in.get() & 0xff));
        case 0x8e -> stack.add(bytes(in.getLong()));
        case '}' -> stack.add(new LinkedHashMap<Object, Object>());
        case ']', ')' -> stack.add(new ArrayList<Object>());
        case 0x8f -> stack.add(new LinkedHashSet<Object>());
        case 't', 'l' -> stack.add(popMark());
        case 0x91 -> stack.add(new LinkedHashSet<>(hashable(popMark())));
        case 'd' -> stack.add(putAll(new LinkedHashMap<>(), popMark()));
        case 0x85 -> stack.add(tuple(1));
        case 0x86 -> stack.add(tuple(2));
        case 0x87 -> stack.add(tuple(3));
        case 'a' -> {
          Object value = pop();
          list(top()).add(value);
        }
        case 'e' -> {
          List<Object> values = popMark();
          list(top()).addAll(values);
        }
        case 's' -> {
          List<Object> item = tuple(2);
          putAll(map(top()), item);
        }
        case 'u' -> {
          List<Object> items = popMark();
          putAll(map(top()), items);
        }
        case 0x90 -> {
          List<Object> items = popMark();
          set(top()).addAll(hashable(items));
        }
        case 'q' -> memo.put((long) (in.get() & 0xff), top());
        case 'r' -> memo.put(in.getInt() & 0xffffffffL, top());
        case 0x94 -> memo.put((long) memo.size(), top());
        case 'h' -> stack.add(recall(in.get() & 0xff));
        case 'j' -> stack.add(recall(in.getInt() & 0xffffffffL));
        case '2' -> stack.add(top());
        case 'c' -> stack.add(new Global(line() + "." + line()));
        case 0x93 -> {
          String name = (String) pop();
          stack.add(new Global((String) pop() + "." + name));
        }
        case 'Q' -> stack.add(storage((List<?>) pop()));
        case 'R' -> {
          List<?> arguments = (List<?>) pop();
          stack.add(call((Global) pop(), arguments));
        }
        case 0x81 -> {
          List<?> arguments = (List<?>) pop();
          stack.add(object((Global) pop(), arguments));
        }
        case 'b' -> build();
        default ->
            throw new IllegalArgumentException(
                String.format(
                    Locale.ROOT,
                    "refused pickle opcode 0x%02x at byte %d: only tensors, numbers, strings and containers are read",
                    op,
                    in.position() - 1));
      }
    }
  }

  private static void protocol(int version) {
    if (version < 2 || version > 5) {
      throw new IllegalArgumentException("pickle protocol must be 2 to 5: protocol=" + version);
    }
  }

  /// The few constructors torch.save needs; their effect is written out here, nothing is looked up
  /// by name.
  private static Object call(Global function, List<?> arguments) {
    return switch (function.name()) {
      case "collections.OrderedDict" -> {
        Map<Object, Object> map = new LinkedHashMap<>();
        if (!arguments.isEmpty()) {
          for (Object item : (List<?>) arguments.getFirst()) {
            List<?> entry = (List<?>) item;
            putAll(map, pair(entry.get(0), entry.get(1)));
          }
        }
        yield map;
      }
      case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor" -> tensor(arguments);
      case "torch._utils._rebuild_parameter" -> (TensorRef) arguments.getFirst();
      case "torch.Size" -> arguments.isEmpty() ? new ArrayList<>() : (List<?>) arguments.getFirst();
      case "builtins.set", "__builtin__.set" ->
          new LinkedHashSet<>(
              arguments.isEmpty() ? List.of() : hashable((List<?>) arguments.getFirst()));
      // Its argument is the class of its defaults.
      case "collections.defaultdict" -> new LinkedHashMap<>();
      // How Python writes Optional[int] and its like, which omegaconf keeps beside a value.
      case "operator.getitem", "_operator.getitem" -> {
        Global generic = (Global) arguments.getFirst();
        if (!generic.name().startsWith("typing.")) {
          throw refused(function);
        }
        yield new PickledObject(List.of());
      }
      default -> object(function, arguments);
    };
  }

  /// A new object whose state may follow.
  private static PickledObject object(Global type, List<?> arguments) {
    if (!PickledObject.isKnown(type.name())) {
      throw refused(type);
    }
    return new PickledObject(arguments);
  }

  private static IllegalArgumentException refused(Global function) {
    return new IllegalArgumentException(
        "refused " + function.name() + ": only tensors, numbers, strings and containers are read");
  }

  /// (storage, offset, shape, strides, requires_grad, hooks[, metadata])
  private static TensorRef tensor(List<?> a) {
    StorageRef storage = (StorageRef) a.get(0);
    long offset = (Long) a.get(1);
    long[] shape = longs((List<?>) a.get(2));
    long[] strides = longs((List<?>) a.get(3));
    if (shape.length != strides.length || shape.length > MAX_RANK) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor of storage %s has %d sizes and %d strides",
              storage.key(),
              shape.length,
              strides.length));
    }
    long last = offset;
    boolean empty = false;
    try {
      if (offset < 0) {
        throw new ArithmeticException();
      }
      for (int d = 0; d < shape.length; d++) {
        if (shape[d] < 0 || strides[d] < 0) {
          throw new ArithmeticException();
        }
        empty |= shape[d] == 0;
        last = Math.addExact(last, Math.multiplyExact(Math.max(0, shape[d] - 1), strides[d]));
      }
    } catch (ArithmeticException e) {
      last = Long.MAX_VALUE;
    }
    if (!empty && last >= storage.elements() || last == Long.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor of storage %s reaches past its %d elements",
              storage.key(),
              storage.elements()));
    }
    return new TensorRef(storage, offset, shape, strides);
  }

  /// ('storage', class, key, location, elements)
  private static StorageRef storage(List<?> id) {
    if (id.size() < 5 || !"storage".equals(id.get(0))) {
      throw new IllegalArgumentException("a persistent id is not a storage: " + id.getFirst());
    }
    Global type = (Global) id.get(1);
    DType dtype = STORAGES.get(type.name());
    if (dtype == null) {
      throw refused(type);
    }
    return new StorageRef(dtype, (String) id.get(2), (Long) id.get(4));
  }

  /// State of an object with settings. Of a container it is dropped: torch sets `_metadata` on its
  /// OrderedDict. Nothing else has a state.
  private void build() {
    Object state = pop();
    if (top() instanceof PickledObject object) {
      object.state(state);
    } else if (!(top() instanceof Map<?, ?>)) {
      throw new IllegalArgumentException(
          "refused the state of an object at byte " + (in.position() - 1));
    }
  }

  private Object recall(long index) {
    if (!memo.containsKey(index)) {
      throw new IllegalArgumentException("the pickle refers to an unknown memo entry: " + index);
    }
    return memo.get(index);
  }

  private Object integer(int length) {
    byte[] little = bytes(length);
    if (length == 0) {
      return 0L;
    }
    byte[] big = new byte[length];
    for (int i = 0; i < length; i++) {
      big[i] = little[length - 1 - i];
    }
    BigInteger value = new BigInteger(big);
    return value.bitLength() < 64 ? (Object) value.longValue() : value;
  }

  private byte[] bytes(long length) {
    if (length < 0 || length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[(int) length];
    in.get(bytes);
    return bytes;
  }

  private String utf8(long length) {
    return new String(bytes(length), StandardCharsets.UTF_8);
  }

  private String latin1(int length) {
    return new String(bytes(length), StandardCharsets.ISO_8859_1);
  }

  private String line() throws EOFException {
    int start = in.position();
    while (in.hasRemaining()) {
      if (in.get() == '\n') {
        return new String(in.array(), start, in.position() - 1 - start, StandardCharsets.UTF_8);
      }
    }
    throw new EOFException();
  }

  private Object pop() {
    return stack.removeLast();
  }

  private Object top() {
    return stack.getLast();
  }

  private List<Object> popMark() {
    int mark = stack.size() - 1;
    while (stack.get(mark) != MARK) {
      mark--;
    }
    List<Object> tail = new ArrayList<>(stack.subList(mark + 1, stack.size()));
    stack.subList(mark, stack.size()).clear();
    return tail;
  }

  private List<Object> tuple(int size) {
    List<Object> tail = stack.subList(stack.size() - size, stack.size());
    List<Object> tuple = new ArrayList<>(tail);
    tail.clear();
    return tuple;
  }

  private static List<Object> pair(Object key, Object value) {
    List<Object> pair = new ArrayList<>(2);
    pair.add(key);
    pair.add(value);
    return pair;
  }

  private static Map<Object, Object> putAll(Map<Object, Object> map, List<?> items) {
    for (int i = 0; i < items.size(); i += 2) {
      map.put(hashable(Collections.singletonList(items.get(i))).getFirst(), items.get(i + 1));
    }
    return map;
  }

  /// Containers as keys would let a hostile file hash itself without end.
  private static <T> List<T> hashable(List<T> keys) {
    for (Object key : keys) {
      if (!(key instanceof String
          || key instanceof Long
          || key instanceof Boolean
          || key instanceof Double)) {
        throw new IllegalArgumentException("dictionary keys must be strings or numbers");
      }
    }
    return keys;
  }

  @SuppressWarnings("unchecked")
  private static List<Object> list(Object o) {
    return (List<Object>) o;
  }

  @SuppressWarnings("unchecked")
  private static Map<Object, Object> map(Object o) {
    return (Map<Object, Object>) o;
  }

  @SuppressWarnings("unchecked")
  private static LinkedHashSet<Object> set(Object o) {
    return (LinkedHashSet<Object>) o;
  }

  private static long[] longs(List<?> values) {
    return values.stream().mapToLong(v -> (Long) v).toArray();
  }
}
