// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// The module's arrows: `pattern` knows nothing, `kernel` knows `pattern`, the façade knows both.
class PackagesTest {
  private static final String FACADE = "dev.longnet.attention";
  private static final String KERNEL = "dev.longnet.attention.kernel";
  private static final String PATTERN = "dev.longnet.attention.pattern";
  private static final String JDK = "java..";
  private static final JavaClasses MODULE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(FACADE);

  @Test
  void thereAreThreePackages() {
    assertThat(MODULE.stream().map(JavaClass::getPackageName).collect(Collectors.toSet()))
        .containsExactlyInAnyOrder(FACADE, KERNEL, PATTERN);
  }

  @Test
  void patternsNeedTheJdkAlone() {
    onlyNeeds(PATTERN, PATTERN, JDK);
  }

  @Test
  void kernelsNeedPatternsAndTheVectorApi() {
    onlyNeeds(KERNEL, KERNEL, PATTERN, "jdk.incubator.vector", JDK);
  }

  @Test
  void theFacadeNeedsKernelsAndPatterns() {
    onlyNeeds(FACADE, FACADE, KERNEL, PATTERN, JDK);
  }

  @Test
  void onlyKernelsUseTheVectorApi() {
    noClasses()
        .that()
        .resideOutsideOfPackage(KERNEL)
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .check(MODULE);
  }

  @Test
  void packagesFormNoCycle() {
    slices().matching("dev.longnet.(**)").should().beFreeOfCycles().check(MODULE);
  }

  private static void onlyNeeds(String from, String... to) {
    classes()
        .that()
        .resideInAPackage(from)
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(to)
        .check(MODULE);
  }
}
