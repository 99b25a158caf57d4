// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The manifests of `deploy/kubernetes`: they fit the schemas of what they are applied to, and
/// their pods find their ranks in what Kubernetes gives them.
class ManifestsTest {
  private static final Path MANIFESTS = Path.of("../deploy/kubernetes");
  private static final YAMLMapper YAML = new YAMLMapper();
  private static StructuralSchema schema;

  @BeforeAll
  static void load() throws IOException {
    try (InputStream in = ManifestsTest.class.getResourceAsStream("/schemas/kubernetes.json")) {
      schema = new StructuralSchema(new ObjectMapper().readTree(in));
    }
  }

  static List<Path> manifests() throws IOException {
    try (Stream<Path> files = Files.list(MANIFESTS)) {
      List<Path> all = files.sorted().toList();
      assertThat(all).hasSize(3);
      return all;
    }
  }

  private static List<JsonNode> documents(Path file) throws IOException {
    return YAML.readerFor(JsonNode.class).<JsonNode>readValues(file.toFile()).readAll();
  }

  private static JsonNode document(String file, String kind) throws IOException {
    return documents(MANIFESTS.resolve(file)).stream()
        .filter(d -> d.path("kind").asText().equals(kind))
        .findFirst()
        .orElseThrow();
  }

  private static List<String> faults(JsonNode document) {
    return schema.faults(
        document.path("apiVersion").asText() + " " + document.path("kind").asText(), document);
  }

  @ParameterizedTest
  @MethodSource("manifests")
  void everyManifestFitsItsSchema(Path file) throws IOException {
    List<JsonNode> documents = documents(file);
    assertThat(documents).hasSizeGreaterThan(1);
    for (JsonNode document : documents) {
      assertThat(faults(document)).as(file + " " + document.path("kind").asText()).isEmpty();
    }
  }

  /// The schemas see what is wrong: one field of a manifest is replaced, `-` takes it away.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          indexed-job.yaml | Job | /spec/completions | "8" | Job.spec.completions must be of type integer: "8"
          indexed-job.yaml | Job | /spec/template | - | Job.spec.template is missing
          indexed-job.yaml | Job | /spec/completion | 8 | Job.spec.completion is no field
          indexed-job.yaml | Job | /spec/podFailurePolicy/rules/0/onExitCodes/operator | - | Job.spec.podFailurePolicy.rules[0].onExitCodes.operator is missing
          indexed-job.yaml | Job | /spec/template/spec/containers/0/env/0/value | 8 | Job.spec.template.spec.containers[0].env[0].value must be of type string: 8
          indexed-job.yaml | Service | /spec/publishNotReadyAddress | true | Service.spec.publishNotReadyAddress is no field
          jobset.yaml | JobSet | /spec/failurePolicy/maxRestarts | "ten" | JobSet.spec.failurePolicy.maxRestarts must be of type integer: "ten"
          jobset.yaml | JobSet | /spec/failurePolicy/rules/0/action | "Fail" | JobSet.spec.failurePolicy.rules[0].action must be one of
          jobset.yaml | JobSet | /spec/replicatedJobs/0/name | - | JobSet.spec.replicatedJobs[0].name is missing
          jobset.yaml | JobSet | /spec/replicatedJobs/0/template/spec/backofLimit | 0 | JobSet.spec.replicatedJobs[0].template.spec.backofLimit is no field
          trainjob.yaml | TrainJob | /spec/trainer/numNodes | "8" | TrainJob.spec.trainer.numNodes must be of type integer: "8"
          trainjob.yaml | TrainJob | /spec/runtimeRef | - | TrainJob.spec.runtimeRef is missing
          trainjob.yaml | TrainingRuntime | /spec/mlPolicy/torch/procs | 1 | TrainingRuntime.spec.mlPolicy.torch.procs is no field
          """)
  void theSchemasFindWhatIsWrong(
      String file, String kind, String pointer, String value, String fault) throws IOException {
    JsonNode document = document(file, kind);
    int slash = pointer.lastIndexOf('/');
    ObjectNode parent = (ObjectNode) document.at(pointer.substring(0, slash));
    String field = pointer.substring(slash + 1);
    if (value.equals("-")) {
      assertThat(parent.remove(field)).isNotNull();
    } else {
      parent.set(field, new ObjectMapper().readTree(value));
    }
    assertThat(faults(document))
        .anySatisfy(found -> assertThat(found.replaceFirst("^[^ ]+ ", "")).startsWith(fault));
  }

  @Test
  void podsOfTheIndexedJobAreItsRanks() throws IOException {
    JsonNode job = document("indexed-job.yaml", "Job");
    JsonNode service = document("indexed-job.yaml", "Service");
    JsonNode spec = job.path("spec");
    int completions = spec.path("completions").asInt();
    List<Map<String, String>> pods =
        IntStream.range(0, completions)
            .mapToObj(i -> pod(container(spec), Map.of(), i, name(job) + "-" + i))
            .toList();
    requireRanks(pods, "longnet-0.longnet-ranks");
    assertThat(spec.path("parallelism").asInt()).isEqualTo(completions);
    assertThat(spec.at("/template/spec/subdomain").asText()).isEqualTo(name(service));
    assertThat(service.at("/spec/selector/batch.kubernetes.io~1job-name").asText())
        .isEqualTo(name(job));
    requireFailurePolicy(spec, "Ignore");
  }

  @Test
  void podsOfTheJobSetAreItsRanks() throws IOException {
    JsonNode set = document("jobset.yaml", "JobSet");
    JsonNode group = set.at("/spec/replicatedJobs/0");
    JsonNode spec = group.at("/template/spec");
    int jobs = group.path("replicas").asInt();
    List<Map<String, String>> pods = new ArrayList<>();
    for (int job = 0; job < jobs; job++) {
      Map<String, String> labels =
          Map.of(
              "jobset.sigs.k8s.io/job-index", Integer.toString(job),
              "jobset.sigs.k8s.io/replicatedjob-replicas", Integer.toString(jobs));
      String name = name(set) + "-" + group.path("name").asText() + "-" + job + "-";
      for (int i = 0; i < spec.path("completions").asInt(); i++) {
        pods.add(pod(container(spec), labels, i, name + i));
      }
    }
    requireRanks(pods, "longnet-ranks-0-0.longnet");
    assertThat(set.at("/spec/network/subdomain").asText()).isEqualTo("longnet");
    assertThat(spec.path("parallelism")).isEqualTo(spec.path("completions"));
    assertThat(spec.path("backoffLimit").asInt()).isZero();
    requireFailurePolicy(spec, null);
  }

  /// The variables are those of the trainer's torch plugin.
  @Test
  void podsOfTheTrainJobAreItsRanks() throws IOException {
    JsonNode job = document("trainjob.yaml", "TrainJob");
    JsonNode runtime = document("trainjob.yaml", "TrainingRuntime");
    JsonNode trainer = job.at("/spec/trainer");
    JsonNode group = runtime.at("/spec/template/spec/replicatedJobs/0");
    JsonNode spec = group.at("/template/spec");
    assertThat(job.at("/spec/runtimeRef/name").asText()).isEqualTo(name(runtime));
    assertThat(group.path("name").asText()).isEqualTo("node");
    assertThat(container(spec).path("name").asText()).isEqualTo("node");
    assertThat(
            group
                .at("/template/metadata/labels/trainer.kubeflow.org~1trainjob-ancestor-step")
                .asText())
        .isEqualTo("trainer");
    int nodes = trainer.path("numNodes").asInt();
    List<Map<String, String>> pods = new ArrayList<>();
    for (int i = 0; i < nodes; i++) {
      Map<String, String> pod = pod(container(spec), Map.of(), i, name(job) + "-node-0-" + i);
      pod.put("PET_NNODES", Integer.toString(nodes));
      pod.put("PET_NPROC_PER_NODE", trainer.path("numProcPerNode").asText());
      pod.put("PET_NODE_RANK", Integer.toString(i));
      pod.put("PET_MASTER_ADDR", name(job) + "-node-0-0." + name(job));
      pod.put("PET_MASTER_PORT", "29500");
      pods.add(pod);
    }
    requireRanks(pods, "longnet-node-0-0.longnet");
    assertThat(spec.path("backoffLimit").asInt()).isZero();
    requireFailurePolicy(spec, null);
  }

  private static void requireRanks(List<Map<String, String>> pods, String host) {
    assertThat(pods).hasSizeGreaterThan(1);
    for (int rank = 0; rank < pods.size(); rank++) {
      Launch launch = LaunchEnvironment.read(OptionalInt.empty(), pods.get(rank)).orElseThrow();
      assertThat(launch.rank()).isEqualTo(rank);
      assertThat(launch.size()).isEqualTo(pods.size());
      assertThat(launch.localSize()).isEqualTo(1);
      assertThat(launch.store().host()).isEqualTo(host);
      assertThat(launch.serves()).isEqualTo(rank == 0);
    }
  }

  /// A mistake ends the job; a pod that another's loss ended counts as said.
  private static void requireFailurePolicy(JsonNode spec, String lost) {
    assertThat(spec.at("/template/spec/restartPolicy").asText()).isEqualTo("Never");
    Map<Integer, String> actions = new HashMap<>();
    for (JsonNode rule : spec.at("/podFailurePolicy/rules")) {
      JsonNode codes = rule.path("onExitCodes");
      for (JsonNode code : codes.path("values")) {
        assertThat(codes.path("containerName")).isEqualTo(container(spec).path("name"));
        actions.put(code.asInt(), rule.path("action").asText());
      }
    }
    assertThat(actions.get(2)).isEqualTo("FailJob");
    assertThat(actions.get(75)).isEqualTo(lost);
  }

  private static JsonNode container(JsonNode jobSpec) {
    return jobSpec.at("/template/spec/containers/0");
  }

  private static String name(JsonNode document) {
    return document.at("/metadata/name").asText();
  }

  /// A container's variables as Kubernetes sets them.
  private static Map<String, String> pod(
      JsonNode container, Map<String, String> labels, int index, String host) {
    Map<String, String> variables = new HashMap<>();
    variables.put("HOSTNAME", host);
    variables.put("JOB_COMPLETION_INDEX", Integer.toString(index));
    for (JsonNode variable : container.path("env")) {
      String path = variable.at("/valueFrom/fieldRef/fieldPath").asText();
      String label = path.replaceFirst("^metadata\\.labels\\['(.*)']$", "$1");
      String value = variable.has("value") ? variable.path("value").asText() : labels.get(label);
      assertThat(value).as(variable.toString()).isNotNull();
      variables.put(variable.path("name").asText(), value);
    }
    return variables;
  }
}
