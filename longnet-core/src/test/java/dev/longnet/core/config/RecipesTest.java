// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RecipesTest {
  private static final String SMALLEST =
      """
      corpus: {sources: [src], tokenizer: bytes}
      model: {layers: 2, hidden: 64, heads: 4, attention: {type: dense}}
      training: {window: 128, steps: 10}
      """;

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void write() throws Exception {
    file = directory.resolve("small.yaml");
    Files.writeString(file, SMALLEST);
  }

  /// Whoever changes a default changes this text, and knows that recipes may mean something else
  /// from then on.
  @Test
  void defaultsAreThese() throws Exception {
    assertThat(load().toYaml())
        .isEqualTo(
            """
            name: run
            about: ""
            corpus:
              sources:
              - path: src
                text_field: text
                name_field: ""
                format: auto
                case: keep
                unknown: keep
              tokenizer: bytes
              validation: 0.01
              holdout: document
              include: []
              exclude: []
              languages: []
              min_bytes: 1
              max_bytes: 9223372036854775807
              duplicates: exact
              broken: skip
              binary: skip
              invalid_utf8: keep
              max_ratio: 200
              max_archive_bytes: 1099511627776
              max_row_bytes: 16777216
            model:
              vocabulary: 257
              layers: 2
              hidden: 64
              heads: 4
              feed_forward: 256
              activation: gelu
              positions: xpos
              positions_base: 10000
              positions_share: 1.0
              nope_heads: 0
              nope_scale: 0
              xpos_scale_base: 512
              tied_output: true
              causal: true
              short_convolution: 0
              attention:
                type: dense
            training:
              window: 128
              sequences: 1
              batch_tokens: 128
              steps: 10
              max_steps: 0
              max_minutes: 0.0
              gradient_clip: 2.0
              skip_limit: 5
              seed: 1
              induction_heads: 0
              virtual_shards: 0
              branch_starts: []
            optimizer:
              rule: adamw
              learning_rate: 6.0E-4
              beta1: 0.9
              beta2: 0.98
              epsilon: 1.0E-8
              weight_decay: 0.01
            schedule:
              decay: polynomial
              warmup_steps: 0
              power: 1.0
              final_fraction: 0.0
            runtime:
              device: cpu
              precision: fp32
              threads: 0
              attention_kernel: auto
              activation_checkpointing: false
              token_chunk: 2048
              loss_chunk: 1024
              shard_parameters: false
            checkpoint:
              every_steps: 0
              every_minutes: 10.0
              keep: 2
            evaluation:
              every_steps: 0
              every_tokens: 65536
              lengths:
              - 128
              tokens: 262144
              copy_probe: 262144
              document_tokens: 131072
            sample:
              prompt: ""
              tokens: 512
              temperature: 0.7
              top_k: 0
              top_p: 0.95
              seed: 1
            """);
  }

  @ParameterizedTest
  @MethodSource("dev.longnet.core.config.Recipes#names")
  void everyRecipeLoadsAndSurvivesItsOwnYaml(String name) throws Exception {
    RunConfig run = Recipes.load(name, List.of(), Tokenizers::vocabularySize);
    assertThat(run.name()).isEqualTo(name);
    assertThat(run.about()).isNotBlank();
    Path copy = directory.resolve("copy.yaml");
    Files.writeString(copy, run.toYaml());
    assertThat(Recipes.load(copy.toString(), List.of(), Tokenizers::vocabularySize)).isEqualTo(run);
  }

  @Test
  void overridesWin() throws Exception {
    RunConfig run =
        load(
            "training.window=1e3",
            "training.window=256",
            "optimizer.learning_rate=1e-3",
            "sample.prompt=class A {");
    assertThat(run.training().window()).isEqualTo(256);
    assertThat(run.optimizer().learningRate()).isEqualTo(1e-3);
    assertThat(run.sample().prompt()).isEqualTo("class A {");
  }

  /// Who adds a mixer's record learns here that a recipe must be able to name it.
  @Test
  void everyKindOfMixerHasATypeInRecipes() {
    Set<String> kinds = new TreeSet<>();
    leaves(MixerConfig.class, kinds);
    // Made for evaluations alone; dilated attention whose branches a recipe lists.
    kinds.removeAll(Set.of("blockwise", "branchedattention"));
    assertThat(Arrays.stream(MixerTree.Type.values()).map(t -> t.name().toLowerCase(Locale.ROOT)))
        .containsExactlyInAnyOrderElementsOf(kinds);
  }

  /// The names of all records below a sealed interface.
  private static void leaves(Class<?> type, Set<String> names) {
    if (type.isRecord()) {
      names.add(type.getSimpleName().replace("Config", "").toLowerCase(Locale.ROOT));
    } else {
      Arrays.stream(type.getPermittedSubclasses()).forEach(permitted -> leaves(permitted, names));
    }
  }

  @Test
  void mixersRepeatOverTheLayersAndExcludeOneAttention() throws Exception {
    String alternating =
        "model.mixers=[{type: dilated, segment_lengths: [8, 32], dilations: [1, 4]}, dense]";
    ModelConfig model = load(alternating).model();
    assertThat(model.mixers()).hasSize(2);
    assertThat(model.mixer(0)).isEqualTo(model.mixers().get(0));
    assertThat(model.mixer(1)).isEqualTo(new AttentionConfig.Dense());
    Files.writeString(file, load(alternating).toYaml());
    assertThat(load().model()).isEqualTo(model);
    assertThat(load("model.attention.type=dense").model().mixers())
        .containsExactly(new AttentionConfig.Dense());
    assertThatThrownBy(() -> load("model.mixers=[]"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.mixers must name from 1 to model.layers=2 mixers");
    assertThatThrownBy(() -> load("model.mixers=[dense, dense, dense]"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.mixers must name from 1 to model.layers=2 mixers");
    assertThatThrownBy(() -> load("model.mixers=[{type: dilated, segment_lengths: [8]}]"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.mixers[0].dilations must be as many as")
        .hasMessageContaining("(override)");
    String joining =
        "model.attention={type: dilated, segment_lengths: [8, 16, 32], dilations: [1, 2, 4]}";
    assertThat(
            load(joining, "training.branch_starts=[0, 0.2, 0.4]", "model.mixers=[dense]")
                .training()
                .branchStarts())
        .as("branches that join belong to the mixers before")
        .isEmpty();
    assertThatThrownBy(() ->
            load(
                "model.mixers=[dense]",
                "model={layers: 2, hidden: 32, heads: 2, attention: {type: dense}, mixers: [dense]}"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.mixers and model.attention exclude each other");
  }

  @Test
  void branchesOfDilatedAttentionAreListedOneByOne() throws Exception {
    RunConfig run =
        load(
            "model.heads=4",
            "model.attention={type: dilated, branches: [{segment_length: 32, window: sliding}, "
                + "{segment_length: 256, dilation: 2, dilate: keys, heads: [0, 3], layers: [1], "
                + "shift: 8}]}",
            "training.branch_starts=[0, 0.5]");
    ModelConfig model = run.model();
    Branch near = new Branch(32, 1, Branch.Window.SLIDING, Branch.Dilate.BOTH, List.of(), 0);
    Branch far = new Branch(256, 2, Branch.Window.SEGMENT, Branch.Dilate.KEYS, List.of(0, 3), 8);
    assertThat(((AttentionConfig) model.mixer(0)).pattern(true))
        .isEqualTo(new DilatedAttentionSpec(List.of(near), true));
    assertThat(((AttentionConfig) model.mixer(1)).pattern(true))
        .isEqualTo(new DilatedAttentionSpec(List.of(near, far), true));
    assertThat(model.mapMixers(mixer -> mixer.withBranches(1)).mixer(1)).isEqualTo(model.mixer(0));
    Files.writeString(file, run.toYaml());
    assertThat(load().model()).isEqualTo(model);
  }

  @Test
  void branchesAndSegmentLengthsTakeEachOthersPlace() throws Exception {
    RunConfig paper =
        load(
            "model.attention={type: dilated, segment_lengths: [32, 128], dilations: [1, 4]}",
            "training.branch_starts=[0, 0.5]");
    Files.writeString(file, paper.toYaml());
    RunConfig listed = load("model.attention.branches=[{segment_length: 16}]");
    assertThat(listed.model().branches()).isEqualTo(1);
    assertThat(listed.training().branchStarts()).isEmpty();
    assertThat(load("model.attention={type: dilated, branches: [{segment_length: 16}]}").model())
        .isEqualTo(listed.model());
    Files.writeString(file, listed.toYaml());
    assertThat(
            load("model.attention.segment_lengths=[32, 128]", "model.attention.dilations=[1, 4]")
                .model())
        .isEqualTo(paper.model());
  }

  @Test
  void anotherAttentionStartsItsSectionAfresh() throws Exception {
    RunConfig dilated =
        load("model.attention={type: dilated, segment_lengths: [32, 128], dilations: [1, 4]}");
    Files.writeString(file, dilated.toYaml());
    assertThat(
            load("training.branch_starts=[0, 0.5]", "model.attention.type=dense").model().mixers())
        .containsExactly(new AttentionConfig.Dense());
    assertThat(load("model.attention.type=dilated").model()).isEqualTo(dilated.model());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          training.widnow=4       | unknown key training.widnow; did you mean training.window? (override)
          modle.layers=4          | unknown key modle; did you mean model? (override)
          training.window=abc     | training.window must be a whole number of at least 2: training.window="abc" (override)
          training.window=1       | training.window must be a whole number of at least 2: training.window=1 (override)
          training.window=2.5     | training.window must be a whole number of at least 2: training.window=2.5 (override)
          training.window=9e9     | training.window must be at most 2147483647: training.window=9.0E9 (override)
          training.window=        | training.window must be a whole number
          training.batch_tokens=200 | training.batch_tokens must be a multiple of training.window x training.sequences = 128: training.batch_tokens=200
          training.virtual_shards=3 | training.virtual_shards must be a power of two, or 0: training.virtual_shards=3 (override)
          training.induction_heads=5 | training.induction_heads must be at most model.heads=4: training.induction_heads=5 (override)
          training.induction_heads=-1 | training.induction_heads must be a whole number of at least 0: training.induction_heads=-1 (override)
          training.induction_heads=2 | training.induction_heads must come with model.short_convolution, which delays keys: training.induction_heads=2 (override)
          training=5              | training must be a section of keys: training=5 (override)
          training.window.x=5     | override training.window.x: training.window is a value, not a section
          training.window         | override must be path=value: override training.window
          model.hidden=65         | model.hidden must be a multiple of model.heads=4: model.hidden=65 (override)
          model.positions=xpso    | model.positions must be one of xpos, rope, none: model.positions="xpso" (override)
          model.positions_base=1  | model.positions_base must be a whole number of at least 2: model.positions_base=1 (override)
          model.positions_share=0 | model.positions_share must leave an even number of a head's 16 channels that turn, at least 2: model.positions_share=0 (override)
          model.positions_share=0.3 | model.positions_share must leave an even number of a head's 16 channels that turn, at least 2: model.positions_share=0.3 (override)
          model.positions_share=1.5 | model.positions_share must be a number from 0.0 to 1.0: model.positions_share=1.5 (override)
          model.nope_heads=5 | model.nope_heads must be at most model.heads=4: model.nope_heads=5
          model.nope_heads=-1 | model.nope_heads must be a whole number of at least 0: model.nope_heads=-1
          model.nope_scale=1 | model.nope_scale must be 0 (none) or at least 2: model.nope_scale=1 (override)
          model.nope_scale=-1 | model.nope_scale must be a whole number of at least 0: model.nope_scale=-1 (override)
          model={layers: 2, hidden: 64, heads: 4, causal: false, nope_scale: 512, attention: {type: dense}} | model.nope_scale counts earlier tokens, so it needs causal=true: model.nope_scale=512 (override)
          model.short_convolution=1 | model.short_convolution must be 0 (none) or from 2 to 8 taps: model.short_convolution=1 (override)
          model.short_convolution=9 | model.short_convolution must be 0 (none) or from 2 to 8 taps: model.short_convolution=9 (override)
          model.short_convolution=-1 | model.short_convolution must be a whole number of at least 0: model.short_convolution=-1 (override)
          model={layers: 2, hidden: 64, heads: 4, causal: false, short_convolution: 4, attention: {type: dense}} | model.short_convolution looks back, so it needs model.causal=true: model.short_convolution=4 (override)
          model.tied_output=yes please | model.tied_output must be true or false
          model.vocabulary=100    | model.vocabulary must be at least the 257 of tokenizer bytes: model.vocabulary=100 (override)
          model.causal=false      | model.causal must be true to train on next tokens
          model.attention.segment_lengths=[4] | model.attention.type dense takes no further keys
          model.attention={type: dilated, segment_lengths: [4, 8], dilations: [1]} | model.attention.dilations must be as many as segment_lengths=[4, 8]: model.attention.dilations=[1] (override)
          model.attention={type: dilated, branches: []} | model.attention.branches must name at least one branch
          model.attention={type: dilated, branches: [{segment_length: 8, heads: [9]}]} | model.attention.branches names head 9, and heads are 0 to
          model.attention={type: dilated, branches: [{segment_length: 8, heads: [1]}]} | model.attention.branches leaves head 0 of layer 0 without a branch
          model.attention={type: dilated, branches: [{segment_length: 8, layers: [1, 0]}]} | model.attention.branches[0].layers must rise from 0 on: model.attention.branches[0].layers=[1,0] (override)
          model.attention={type: dilated, branches: [{segment_length: 8, window: slides}]} | model.attention.branches[0].window must be one of segment, two_segments, sliding
          model.attention={type: dilated, branches: [{segment_length: 8, shift: 8}]} | model.attention.branches[0].shift must be below segment_length=8
          model.attention={type: dilated, branches: [{segment_length: 8}], dilations: [1]} | model.attention.branches takes the place of segment_lengths and dilations
          model.attention={type: dilated} | model.attention.segment_lengths must name at least one segment length
          model.attention={type: sparse, block_length: 8, columns: 9} | model.attention.columns must be at most block_length=8
          model.attention={type: sparse, block_length: 4001, columns: 2000} | model.attention.columns must divide block_length=4001, or be at most 1024: model.attention.columns=2000 (override)
          model.attention={type: sparse} | model.attention.block_length is missing
          model.attention=dense   | model.attention must be a section of keys
          corpus.tokenizer=byte   | tokenizer must be bytes, cl100k_base, o200k_base or the path of a tokenizer.json: tokenizer=byte
          corpus.sources=jdk      | corpus.sources must be a list
          corpus.sources=[]       | a corpus needs at least one source
          corpus.sources=[[a]]    | corpus.sources must be a list of texts or sections
          corpus.validation=0.9   | corpus.validation must be a number from 0.0 to 0.5: corpus.validation=0.9 (override)
          corpus.similarity=0.9   | corpus.similarity needs duplicates: near
          corpus.holdout=folder   | corpus.holdout must be one of document, group
          corpus.group_depth=2    | corpus.group_depth needs holdout: group
          training.branch_starts=[0, 0.5] | training.branch_starts must have one number for each of the mixers' 0 branches, or be []: training.branch_starts=[0,0.5] (override)
          training.branch_starts=[0.5] | training.branch_starts must begin with 0, never fall, and stay below 1: training.branch_starts=[0.5] (override)
          training.branch_starts=[0, 2] | training.branch_starts must be a list of numbers from 0.0 to 1.0: training.branch_starts=[0,2] (override)
          training.branch_starts=0 | training.branch_starts must be a list
          schedule.warmup_steps=11 | schedule.warmup_steps must be at most training.steps=10: schedule.warmup_steps=11 (override)
          optimizer.learning_rate=.nan | optimizer.learning_rate must be a number from 0.0 to 10.0: optimizer.learning_rate="NaN" (override)
          optimizer.learning_rate=11 | optimizer.learning_rate must be a number from 0.0 to 10.0: optimizer.learning_rate=11 (override)
          optimizer.rule=sgd      | optimizer.rule must be one of adamw, adam
          runtime.device=gpu      | runtime.device must be cpu, cuda or cuda:INDEX: runtime.device="gpu" (override)
          evaluation.lengths=[1]  | evaluation.lengths must be a whole number of at least 2
          evaluation.lengths=[100000] | model.xpos_scale_base must be at least 979 for 100000 positions (512 overflows float32), or model.positions rope
          name=a/b                | name must be letters, digits
          training.steps={a       | override training.steps: the value is not valid YAML
          """)
  void mistakesAreOneLineWithKeyRuleAndValue(String override, String message) {
    assertThatThrownBy(() -> load(override))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          'a: 1\na: 2'       | Duplicate field 'a'
          'a: [1'            | line
          '- 1'              | must hold sections of keys
          ''                 | must hold sections of keys
          'model: {}'        | corpus is missing
          'corpse: {}'       | corpus is missing, unknown key corpse; did you mean corpus?
          'a: 1\n---\nb: 2'  | one YAML document
          """)
  void brokenFilesAreRefusedByName(String text, String message) throws Exception {
    Files.writeString(file, text.replace("\\n", "\n"));
    assertThatThrownBy(this::load)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("small.yaml")
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }

  @Test
  void anUnknownNameGetsASuggestion() {
    assertThatThrownBy(() -> Recipes.load("quikstart", List.of(), Tokenizers::vocabularySize))
        .hasMessageContaining("no recipe named quikstart; did you mean quickstart?");
  }

  private RunConfig load(String... overrides) throws Exception {
    return Recipes.load(file.toString(), List.of(overrides), Tokenizers::vocabularySize);
  }

  /// A typing error, or a damaged file: no memory is taken for it.
  @Test
  void aWildNumberOfLayersIsRefused() {
    assertThatThrownBy(() -> Recipes.load("quickstart", List.of("model.layers=1e9"), _ -> 257))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.layers must be at most 10000");
  }
}
