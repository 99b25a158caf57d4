// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// A glob over names with `/` between their parts: `*` and `?` stay within a part, `**` crosses
/// them, `{a,b}` chooses, `[a-z]` is one of. Without a `/` it looks at the last part alone. (Unlike
/// the JDK's, `**/x` finds a top-level x.)
final class Glob {
  private final Pattern pattern;
  private final boolean lastPartOnly;

  Glob(String glob) {
    this.lastPartOnly = glob.indexOf('/') < 0;
    try {
      this.pattern = Pattern.compile(regex(glob), Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("not a valid glob: " + glob, e);
    }
  }

  boolean matches(String name) {
    return pattern
        .matcher(lastPartOnly ? name.substring(name.lastIndexOf('/') + 1) : name)
        .matches();
  }

  private static String regex(String glob) {
    StringBuilder out = new StringBuilder();
    int depth = 0;
    for (int i = 0; i < glob.length(); i++) {
      char c = glob.charAt(i);
      switch (c) {
        case '*' -> {
          if (glob.startsWith("**/", i)) {
            out.append("(?:.*/)?");
            i += 2;
          } else if (glob.startsWith("**", i)) {
            out.append(".*");
            i++;
          } else {
            out.append("[^/]*");
          }
        }
        case '?' -> out.append("[^/]");
        case '{' -> {
          depth++;
          out.append("(?:");
        }
        case '}' -> {
          depth--;
          out.append(')');
        }
        case ',' -> out.append(depth > 0 ? "|" : ",");
        case '[' -> {
          int end = glob.indexOf(']', i + 2);
          if (end < 0) {
            throw new IllegalArgumentException("not a valid glob, a [ lacks its ]: " + glob);
          }
          String set =
              glob.substring(i + 1, end)
                  .replace("\\", "\\\\")
                  .replace("[", "\\[")
                  .replace("&", "\\&");
          out.append('[').append(set.startsWith("!") ? "^" + set.substring(1) : set).append(']');
          i = end;
        }
        default -> out.append(Pattern.quote(String.valueOf(c)));
      }
    }
    if (depth != 0) {
      throw new IllegalArgumentException("not a valid glob, its { and } do not match: " + glob);
    }
    return out.toString();
  }
}
