// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;

/// What is held out whole: each document by itself, or documents that belong together.
///
/// @param depth of [Kind#GROUP]: how many directories of a document's path name its group, beside
///   its source and archive; [#PACKAGE] for all of them
public record Holdout(Kind kind, int depth) {

  /// Documents of one directory are a group: a package.
  public static final int PACKAGE = Integer.MAX_VALUE;

  public static final Holdout DOCUMENT = new Holdout(Kind.DOCUMENT, PACKAGE);

  /// What the share of a corpus that is held out consists of.
  public enum Kind {
    DOCUMENT,
    GROUP
  }

  public Holdout {
    if (depth < 0) {
      throw new FieldException("%s must be at least 0", Field.of("groupDepth", depth));
    }
    if (kind == Kind.DOCUMENT && depth != PACKAGE) {
      throw new FieldException(
          "%s needs %s", Field.of("groupDepth", depth), Field.of("holdout", "group"));
    }
  }

  /// The first `depth` directories of a path, each with a `/` behind it. Tars have paths that begin
  /// with `./`.
  public String directories(String name) {
    int from = name.startsWith("./") ? 2 : 0;
    int end = from;
    for (int i = 0; i < depth; i++) {
      int slash = name.indexOf('/', end);
      if (slash < 0) {
        break;
      }
      end = slash + 1;
    }
    return name.substring(from, end);
  }
}
