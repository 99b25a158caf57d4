// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/// A corpus as the keys of a recipe's `corpus` section.
public final class CorpusTree {
  private CorpusTree() {}

  public static CorpusConfig read(Section s) {
    s.require("sources");
    List<CorpusSource> sources = new ArrayList<>();
    for (Section source : s.sections("sources", "path")) {
      OptionalDouble weight =
          source.has("weight")
              ? OptionalDouble.of(source.number("weight", 1, 1e-9, 1e9))
              : OptionalDouble.empty();
      sources.add(
          new CorpusSource(
              source.requiredText("path"),
              weight,
              source.text("text_field", CorpusSource.DEFAULT_TEXT_FIELD),
              source.text("name_field", ""),
              source.choice("format", CorpusSource.Format.AUTO, CorpusSource.Format.class),
              new SequenceRule(
                  source.choice("case", SequenceRule.Case.KEEP, SequenceRule.Case.class),
                  source.choice(
                      "unknown", SequenceRule.Unknown.KEEP, SequenceRule.Unknown.class))));
      source.done();
    }
    DocumentFilter all = DocumentFilter.ALL;
    DocumentFilter filter =
        new DocumentFilter(
            s.texts("include", all.include()),
            s.texts("exclude", all.exclude()),
            s.texts("languages", all.languages()),
            s.wholeNumber("min_bytes", all.minBytes(), 0),
            s.wholeNumber("max_bytes", all.maxBytes(), 0));
    Duplicates.Kind kind = s.choice("duplicates", Duplicates.Kind.EXACT, Duplicates.Kind.class);
    double usual = kind == Duplicates.Kind.NEAR ? Duplicates.NEAR.similarity() : 1;
    if (s.has("similarity") && kind != Duplicates.Kind.NEAR) {
      throw s.wrong("similarity", "needs duplicates: near");
    }
    Holdout.Kind holdout = s.choice("holdout", Holdout.Kind.DOCUMENT, Holdout.Kind.class);
    if (s.has("group_depth") && holdout != Holdout.Kind.GROUP) {
      throw s.wrong("group_depth", "needs holdout: group");
    }
    InputPolicy policy = InputPolicy.DEFAULT;
    CorpusConfig corpus =
        new CorpusConfig(
            sources,
            s.requiredText("tokenizer"),
            s.number("validation", CorpusConfig.DEFAULT_VALIDATION, 0, 0.5),
            filter,
            new Duplicates(kind, s.number("similarity", usual, 0.5, 1)),
            new InputPolicy(
                s.choice("broken", policy.broken(), InputPolicy.Action.class),
                s.choice("binary", policy.binary(), InputPolicy.Action.class),
                s.choice("invalid_utf8", policy.invalidUtf8(), InputPolicy.Action.class),
                s.integer("max_ratio", policy.maxRatio(), 2),
                s.wholeNumber("max_archive_bytes", policy.maxArchiveBytes(), 1),
                s.integer("max_row_bytes", policy.maxRowBytes(), 1)),
            new Holdout(holdout, s.integer("group_depth", Holdout.PACKAGE, 0)));
    s.done();
    return corpus;
  }

  /// Every key [#read(Section)] knows.
  public static ObjectNode write(CorpusConfig corpus) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    ArrayNode sources = tree.putArray("sources");
    for (CorpusSource source : corpus.sources()) {
      ObjectNode node = sources.addObject();
      node.put("path", source.path());
      source.weight().ifPresent(weight -> node.put("weight", weight));
      node.put("text_field", source.textField());
      node.put("name_field", source.nameField());
      node.put("format", lower(source.format()));
      node.put("case", lower(source.sequences().letters()));
      node.put("unknown", lower(source.sequences().unknown()));
    }
    tree.put("tokenizer", corpus.tokenizer());
    tree.put("validation", corpus.validation());
    tree.put("holdout", lower(corpus.holdout().kind()));
    if (corpus.holdout().depth() != Holdout.PACKAGE) {
      tree.put("group_depth", corpus.holdout().depth());
    }
    corpus.filter().include().forEach(tree.putArray("include")::add);
    corpus.filter().exclude().forEach(tree.putArray("exclude")::add);
    corpus.filter().languages().forEach(tree.putArray("languages")::add);
    tree.put("min_bytes", corpus.filter().minBytes());
    tree.put("max_bytes", corpus.filter().maxBytes());
    tree.put("duplicates", lower(corpus.duplicates().kind()));
    if (corpus.duplicates().kind() == Duplicates.Kind.NEAR) {
      tree.put("similarity", corpus.duplicates().similarity());
    }
    tree.put("broken", lower(corpus.input().broken()));
    tree.put("binary", lower(corpus.input().binary()));
    tree.put("invalid_utf8", lower(corpus.input().invalidUtf8()));
    tree.put("max_ratio", corpus.input().maxRatio());
    tree.put("max_archive_bytes", corpus.input().maxArchiveBytes());
    tree.put("max_row_bytes", corpus.input().maxRowBytes());
    return tree;
  }

  private static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }
}
