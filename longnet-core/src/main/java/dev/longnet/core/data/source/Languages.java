// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// File extensions of programming and markup languages.
final class Languages {
  private Languages() {}

  private static final Map<String, List<String>> EXTENSIONS =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry("assembly", List.of("s", "asm")),
              Map.entry("bash", List.of("sh", "bash")),
              Map.entry("c", List.of("c", "h")),
              Map.entry("c++", List.of("cc", "cpp", "cxx", "hh", "hpp", "hxx", "h")),
              Map.entry("c#", List.of("cs")),
              Map.entry("clojure", List.of("clj", "cljs", "cljc")),
              Map.entry("css", List.of("css")),
              Map.entry("dart", List.of("dart")),
              Map.entry("elixir", List.of("ex", "exs")),
              Map.entry("erlang", List.of("erl", "hrl")),
              Map.entry("fortran", List.of("f", "f90", "f95", "for")),
              Map.entry("go", List.of("go")),
              Map.entry("groovy", List.of("groovy", "gradle")),
              Map.entry("haskell", List.of("hs")),
              Map.entry("html", List.of("html", "htm")),
              Map.entry("java", List.of("java")),
              Map.entry("javascript", List.of("js", "mjs", "cjs", "jsx")),
              Map.entry("json", List.of("json")),
              Map.entry("julia", List.of("jl")),
              Map.entry("kotlin", List.of("kt", "kts")),
              Map.entry("lua", List.of("lua")),
              Map.entry("markdown", List.of("md", "markdown")),
              Map.entry("ocaml", List.of("ml", "mli")),
              Map.entry("perl", List.of("pl", "pm")),
              Map.entry("php", List.of("php")),
              Map.entry("python", List.of("py", "pyi")),
              Map.entry("r", List.of("r")),
              Map.entry("ruby", List.of("rb")),
              Map.entry("rust", List.of("rs")),
              Map.entry("scala", List.of("scala", "sc")),
              Map.entry("sql", List.of("sql")),
              Map.entry("swift", List.of("swift")),
              Map.entry("tex", List.of("tex")),
              Map.entry("text", List.of("txt", "text")),
              Map.entry("typescript", List.of("ts", "tsx", "mts", "cts")),
              Map.entry("xml", List.of("xml", "xsd", "xsl")),
              Map.entry("yaml", List.of("yaml", "yml")),
              Map.entry("zig", List.of("zig"))));

  /// The extensions of all these languages, without dots, in lower case.
  static Set<String> extensions(List<String> languages) {
    Set<String> result = new HashSet<>();
    for (String language : languages) {
      List<String> known = EXTENSIONS.get(language.toLowerCase(Locale.ROOT));
      if (known == null) {
        throw new IllegalArgumentException(
            "languages must be among "
                + String.join(", ", EXTENSIONS.keySet())
                + ": languages="
                + language);
      }
      result.addAll(known);
    }
    return result;
  }
}
