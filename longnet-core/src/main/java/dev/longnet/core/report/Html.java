// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;

/// The little HTML a report needs. Everything from a file is text: escaped, never markup.
final class Html {
  private Html() {}

  static String escape(String text) {
    StringBuilder out = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\t', '\n' -> out.append(c);
        // Control characters that XML forbids show as their pictures (U+2400 and on).
        default -> out.append(c < 0x20 ? (char) (0x2400 + c) : c);
      }
    }
    return out.toString();
  }

  static String tile(String label, String value, String note) {
    return String.format(
        Locale.ROOT,
        "<div class=\"tile\"><div class=\"value\">%s</div><div class=\"label\">%s</div><div "
            + "class=\"note\">%s</div></div>\n",
        escape(value),
        escape(label),
        escape(note));
  }

  static String section(String id, String title, String body) {
    return body.isEmpty()
        ? ""
        : String.format(
            Locale.ROOT, "<section id=\"%s\"><h2>%s</h2>\n%s</section>\n", id, escape(title), body);
  }

  /// A dash where there is no number.
  static String decimals(JsonNode number, int digits) {
    return number.isNumber()
        ? String.format(Locale.ROOT, "%." + digits + "f", number.asDouble())
        : "–";
  }
}
