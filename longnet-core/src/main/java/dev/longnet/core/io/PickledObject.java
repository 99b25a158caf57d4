// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// An object of a pickle that holds settings, as fairseq keeps them beside its tensors. Its class
/// is a name here and nothing more: no class is looked up, no constructor runs. What the pickle
/// says of the object is data.
final class PickledObject {
  /// argparse's namespace, omegaconf's containers and nodes, fairseq's data classes and enums, and
  /// numpy's scalars with their bytes, which its meters hold.
  private static final Pattern NAMES =
      Pattern.compile(
          "argparse\\.Namespace|(omegaconf|fairseq)(\\.\\w+)+"
              + "|numpy\\.dtype|numpy\\._?core\\.multiarray\\.scalar|_codecs\\.encode");

  private final List<?> arguments;
  private @Nullable Object state;

  /// @param arguments of its constructor
  PickledObject(List<?> arguments) {
    this.arguments = arguments;
  }

  static boolean isKnown(String type) {
    return NAMES.matcher(type).matches();
  }

  /// @param state what the pickle sets on the object
  void state(Object state) {
    this.state = state;
  }

  /// What it holds: omegaconf's content without what that says of itself, an enum's value, else its
  /// fields; null where that is not known.
  @Nullable Object value() {
    if (state instanceof Map<?, ?> fields) {
      return fields.containsKey("_content")
          ? fields.get("_content")
          : fields.containsKey("_val") ? fields.get("_val") : fields;
    }
    return state == null && arguments.size() == 1 ? arguments.getFirst() : null;
  }
}
