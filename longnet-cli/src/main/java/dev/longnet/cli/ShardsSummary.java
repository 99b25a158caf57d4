// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.source.Reason;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// What token shards hold and what was left out of them, in words.
final class ShardsSummary {
  private ShardsSummary() {}

  static void print(TokenShards shards, PrintWriter out) {
    Manifest manifest = shards.manifest();
    out.println(shards.directory());
    out.printf(
        Locale.ROOT,
        "  tokenizer %s, %,d ids, %d bits each; %d shards%n",
        manifest.tokenizer(),
        manifest.vocabulary(),
        manifest.bits(),
        manifest.shards().size());
    for (Split split : Split.values()) {
      long documents = 0;
      long tokens = 0;
      for (ShardInfo shard : manifest.shards()) {
        documents += shard.split() == split ? shard.documents() : 0;
        tokens += shard.split() == split ? shard.tokens() : 0;
      }
      out.printf(
          Locale.ROOT,
          "  %-10s %,12d documents%s  %,16d tokens%n",
          split.label(),
          documents,
          manifest.hasGroups()
              ? String.format(Locale.ROOT, "  %,8d groups", manifest.groups(split))
              : "",
          tokens);
    }
    for (SourceSummary source : manifest.sources()) {
      out.printf(
          Locale.ROOT,
          "  %s: %,d documents, %,d bytes, %,d tokens%n",
          source.path(),
          source.documents(),
          source.bytes(),
          source.tokens());
      readAs(source.readAs(), "    ", out);
      if (source.changedDocuments() > 0) {
        out.printf(
            Locale.ROOT,
            "    changed by the tokenizer: %,d documents (a normalizer, spaces, unknown words)%n",
            source.changedDocuments());
      }
      leftOut(source, out);
    }
    out.flush();
  }

  /// How many files were read in which way: "4 files: 3 JSON lines in gzip, 1 Parquet".
  static void readAs(Map<String, Long> files, String indent, PrintWriter out) {
    long count = files.values().stream().mapToLong(Long::longValue).sum();
    if (count == 0) {
      return;
    }
    String ways =
        files.entrySet().stream()
            .sorted(
                Map.Entry.<String, Long>comparingByValue()
                    .reversed()
                    .thenComparing(Map.Entry.comparingByKey()))
            .map(way ->
                files.size() == 1
                    ? way.getKey()
                    : String.format(Locale.ROOT, "%,d %s", way.getValue(), way.getKey()))
            .collect(Collectors.joining(", "));
    out.printf(Locale.ROOT, "%s%,d %s: %s%n", indent, count, count == 1 ? "file" : "files", ways);
  }

  /// What was left out of a source, and why.
  static void leftOut(SourceSummary source, PrintWriter out) {
    for (Reason reason : Reason.values()) {
      String label = reason.name().toLowerCase(Locale.ROOT);
      Long count = source.rejected().get(label);
      if (count != null) {
        out.printf(Locale.ROOT, "    left out: %,d %s%n", count, reason.words());
        source.examples().stream()
            .filter(e -> e.startsWith(label + ": "))
            .limit(3)
            .forEach(e -> out.println("      " + printable(e.substring(label.length() + 2))));
      }
    }
  }

  /// Names come from untrusted archives: no control characters reach the terminal.
  static String printable(String text) {
    StringBuilder result = new StringBuilder();
    text.codePoints()
        .limit(200)
        .forEach(c -> {
          int type = Character.getType(c);
          boolean shown =
              c != 0xFFFD
                  && type != Character.CONTROL
                  && type != Character.FORMAT
                  && type != Character.SURROGATE;
          result.appendCodePoint(shown ? c : '?');
        });
    return result.toString();
  }
}
