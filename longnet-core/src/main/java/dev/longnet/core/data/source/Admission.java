// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// The rules of one corpus, asked by name and size before a document is read, and by content after.
public final class Admission {
  private final List<Glob> include;
  private final List<Glob> exclude;
  private final Set<String> extensions;
  private final DocumentFilter filter;
  private final InputPolicy policy;

  public Admission(DocumentFilter filter, InputPolicy policy) {
    this.include = filter.include().stream().map(Glob::new).toList();
    this.exclude = filter.exclude().stream().map(Glob::new).toList();
    this.extensions = Languages.extensions(filter.languages());
    this.filter = filter;
    this.policy = policy;
  }

  public InputPolicy policy() {
    return policy;
  }

  /// Whether globs or languages leave this name out.
  public boolean leavesOut(String name) {
    if (!include.isEmpty() && include.stream().noneMatch(g -> g.matches(name))) {
      return true;
    }
    if (exclude.stream().anyMatch(g -> g.matches(name))) {
      return true;
    }
    return !extensions.isEmpty() && !extensions.contains(extension(name));
  }

  public Optional<Entry.Rejected> rejectBySize(String name, long size) {
    if (size < filter.minBytes()) {
      return Optional.of(new Entry.Rejected(name, Reason.TOO_SMALL, size + " bytes"));
    }
    if (size > filter.maxBytes()) {
      return Optional.of(new Entry.Rejected(name, Reason.TOO_LARGE, size + " bytes"));
    }
    return Optional.empty();
  }

  /// Of a document that is wanted.
  long mostBytes() {
    return filter.maxBytes();
  }

  /// What to do about something that was rejected.
  ///
  /// @throws IllegalArgumentException when the policy refuses it
  public void skipOrRefuse(String source, Entry.Rejected rejected) {
    InputPolicy.Action action =
        switch (rejected.reason().kind()) {
          case CHOICE -> InputPolicy.Action.SKIP;
          case BINARY -> policy.binary();
          case INVALID_UTF8 -> policy.invalidUtf8();
          case BROKEN -> policy.broken();
        };
    if (action == InputPolicy.Action.REFUSE) {
      throw new IllegalArgumentException(
          rejected.reason().words()
              + ": "
              + rejected.name()
              + " in "
              + source
              + " ("
              + rejected.detail()
              + ")");
    }
  }

  private static String extension(String name) {
    int dot = name.lastIndexOf('.');
    return dot < name.lastIndexOf('/') ? "" : name.substring(dot + 1).toLowerCase(Locale.ROOT);
  }
}
