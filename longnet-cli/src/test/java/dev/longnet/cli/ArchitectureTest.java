package dev.longnet.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The arrows of ARCHITECTURE.md. Maven keeps those between modules; these are the ones between
/// packages.
class ArchitectureTest {
  private static final String ATTENTION = "dev.longnet.attention..";
  private static final String DATA = "dev.longnet.core.data..";
  private static final String TORCH = "dev.longnet.lm.torch..";
  private static final String MODEL = "dev.longnet.lm.model..";
  private static final String TRAIN = "dev.longnet.lm.train..";
  private static final String INFERENCE = "dev.longnet.lm.inference..";
  private static final String LIBTORCH = "org.bytedeco..";

  private static JavaClasses all;

  @BeforeAll
  static void load() {
    all =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.longnet");
  }

  @Test
  void everyModuleIsSeen() {
    Set<String> packages = all.stream().map(JavaClass::getPackageName).collect(Collectors.toSet());
    assertThat(packages)
        .contains(
            "dev.longnet.attention",
            "dev.longnet.lm.model",
            "dev.longnet.core.report",
            "dev.longnet.cli");
  }

  @Test
  void attentionNeedsTheJdkAlone() {
    classes()
        .that()
        .resideInAPackage(ATTENTION)
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(ATTENTION, "java..", "jdk.incubator.vector..")
        .check(all);
  }

  @Test
  void onlyKernelsUseTheVectorApi() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            "dev.longnet.attention.kernel..", "dev.longnet.core.stream.kernel..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .check(all);
  }

  @Test
  void coreNeedsNoLibtorch() {
    classes()
        .that()
        .resideInAPackage("dev.longnet.core..")
        .should()
        .onlyDependOnClassesThat()
        .resideOutsideOfPackages(LIBTORCH, "dev.longnet.lm..")
        .check(all);
  }

  @Test
  void theModelKnowsNothingOfTrainingInferenceOrCorpora() {
    noClasses()
        .that()
        .resideInAPackage(MODEL)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(TRAIN, INFERENCE, DATA)
        .check(all);
    noClasses()
        .that()
        .resideInAPackage(TORCH)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(TRAIN, INFERENCE, DATA)
        .check(all);
  }

  @Test
  void packagesFormNoCycle() {
    slices().matching("dev.longnet.lm.(*)..").should().beFreeOfCycles().check(all);
    slices().matching("dev.longnet.core.(*)..").should().beFreeOfCycles().check(all);
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
}
