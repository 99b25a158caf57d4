// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The arrows of ARCHITECTURE.md: its module table says what each package depends on, and this
/// holds every row to it, in both directions.
class ArchitectureTest {
  private static final String ROOT = "dev.longnet.";
  private static final Pattern NAME = Pattern.compile("`([^`]+)`");

  /// How the table calls libraries.
  private static final Map<String, String> LIBRARIES =
      Map.ofEntries(
          Map.entry("org.bytedeco.", "libtorch"),
          Map.entry("com.fasterxml.jackson.", "Jackson"),
          Map.entry("com.knuddels.", "jtokkit"),
          Map.entry("org.apache.commons.compress.", "Commons Compress"),
          Map.entry("org.tukaani.", "XZ for Java"),
          Map.entry("com.github.luben.", "zstd-jni"),
          Map.entry("dev.hardwood.", "Hardwood"),
          Map.entry("org.xerial.", "snappy-java"),
          Map.entry("com.aayushatharva.brotli4j.", "brotli4j"),
          Map.entry("ai.djl.", "DJL tokenizers"),
          Map.entry("eu.maveniverse.maven.mima.", "MIMA"),
          Map.entry("org.eclipse.aether.", "Maven Resolver"),
          Map.entry("org.apache.maven.", "Maven Resolver"),
          Map.entry("org.jfree.", "JFreeChart"),
          Map.entry("picocli.", "picocli"),
          Map.entry("jdk.incubator.vector", "Vector API"));

  private static JavaClasses all;

  /// Package, or its beginning, to what the table says it depends on.
  private static Map<String, Set<String>> rows;

  @BeforeAll
  static void load() throws IOException {
    all =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.longnet");
    rows = new LinkedHashMap<>();
    for (String line : Files.readAllLines(Path.of("../ARCHITECTURE.md"))) {
      List<String> cells = List.of(line.split("\\|"));
      if (cells.size() == 5 && cells.get(2).matches(" `[a-z.]+` ")) {
        rows.put(names(cells.get(2)).iterator().next(), names(cells.get(4)));
      }
    }
    // Built after this module. Its pom lets the compiler see Spark alone.
    assertThat(rows.remove("spark")).containsExactly("Spark");
  }

  private static Set<String> names(String cell) {
    return NAME.matcher(cell).results().map(r -> r.group(1)).collect(Collectors.toSet());
  }

  /// The row of a package: its own, or that of the nearest package around it.
  private static String row(String pkg) {
    String name = pkg.substring(ROOT.length());
    while (!rows.containsKey(name) && name.contains(".")) {
      name = name.substring(0, name.lastIndexOf('.'));
    }
    return name;
  }

  /// What a class needs, as the table would call it; empty for the JDK, its own row and JSpecify's
  /// annotations.
  private static String needed(Dependency dependency, String own) {
    JavaClass target = dependency.getTargetClass().getBaseComponentType();
    String pkg = target.getPackageName();
    if (pkg.startsWith(ROOT)) {
      String row = row(pkg);
      return row.equals(own) ? "" : row;
    }
    return LIBRARIES.entrySet().stream()
        .filter(library -> (pkg + ".").startsWith(library.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse(
            pkg.isEmpty() || pkg.matches("(javax?|com\\.sun|jdk|org\\.jspecify)(\\..*)?")
                ? ""
                : pkg);
  }

  @Test
  void everyRowOfTheModuleTableIsTrue() {
    Map<String, Map<String, String>> actual = new TreeMap<>();
    for (JavaClass one : all) {
      String own = row(one.getPackageName());
      Map<String, String> needs = actual.computeIfAbsent(own, _ -> new TreeMap<>());
      for (Dependency dependency : one.getDirectDependenciesFromSelf()) {
        String name = needed(dependency, own);
        if (!name.isEmpty()) {
          needs.putIfAbsent(
              name, one.getSimpleName() + " -> " + dependency.getTargetClass().getSimpleName());
        }
      }
    }
    // The command line may use everything.
    rows.put("cli", actual.get("cli").keySet());
    List<String> wrong = new ArrayList<>();
    actual.forEach((own, needs) -> {
      Set<String> said = rows.getOrDefault(own, Set.of());
      needs.forEach((name, example) -> {
        if (!said.contains(name)) {
          wrong.add("`%s` depends on `%s`: %s".formatted(own, name, example));
        }
      });
      Set<String> unused = new TreeSet<>(said);
      unused.removeAll(needs.keySet());
      unused.forEach(name -> wrong.add("`%s` does not depend on `%s`".formatted(own, name)));
    });
    assertThat(wrong).as("ARCHITECTURE.md, \"Modules and packages\"").isEmpty();
    assertThat(actual.keySet()).as("packages that have a row").isEqualTo(rows.keySet());
  }

  @Test
  void packagesFormNoCycle() {
    for (String module : new String[] {"attention", "core", "lm", "experiments"}) {
      slices()
          .matching(ROOT + module + ".(**)")
          .should()
          .beFreeOfCycles()
          .allowEmptyShould(true)
          .check(all);
    }
    slices().matching("dev.longnet.(*)..").should().beFreeOfCycles().check(all);
  }

  @Test
  void onlyTheCommandLineExitsAndUsesPicocli() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.longnet.cli..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("picocli..")
        .check(all);
    DescribedPredicate<JavaClass> main =
        DescribedPredicate.describe("Main", c -> c.isEquivalentTo(Main.class));
    noClasses()
        .that(DescribedPredicate.not(main))
        .should()
        .callMethod(System.class, "exit", int.class)
        .check(all);
  }

  /// Its order is the JIT's choice, so its bits are.
  @Test
  void nobodyAddsLanesInTheJitsOrder() {
    noClasses()
        .should()
        .callMethodWhere(
            DescribedPredicate.describe(
                "reduceLanes of floats",
                call ->
                    call.getTarget().getName().startsWith("reduceLanes")
                        && call.getTargetOwner().getName().matches(".*(Float|Double)Vector")))
        .because("AllLanes adds in one order, compiled or not")
        .check(all);
  }
}
