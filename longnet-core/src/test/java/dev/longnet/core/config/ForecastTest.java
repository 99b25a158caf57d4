// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.EnvironmentException;
import java.util.List;
import org.junit.jupiter.api.Test;

class ForecastTest {
  private static final long GIB = 1L << 30;

  @Test
  void countsTheBaseModel() throws Exception {
    Forecast forecast = forecast("base-125m", "runtime.precision=fp32");
    assertThat(forecast.parameters())
        .isBetween(160_000_000L, 165_000_000L); // 85 M without cl100k's embedding
    assertThat(forecast.weightBytes()).isEqualTo(4 * forecast.parameters());
    assertThat(forecast.optimizerBytes()).isEqualTo(8 * forecast.parameters());
    assertThat(forecast.totalTokens()).isEqualTo(300_000.0 * 524_288);
    double whole = forecast.totalTokens() * forecast.flopsPerToken() / 1e11;
    assertThat(forecast.seconds(2e11, 0.5)).isEqualTo(whole);
    Forecast part = forecast("base-125m", "runtime.precision=fp32", "training.max_steps=3000");
    assertThat(part.seconds(2e11, 0.5)).isCloseTo(whole / 100, within(1e-9 * whole));
  }

  @Test
  void checkpointingActivationsIsAdvisedWhereItHelps() throws Exception {
    RunConfig run = Recipes.load("base-125m", List.of(), Tokenizers::vocabularySize);
    Forecast forecast = Forecast.of(run.model(), run.training(), run.runtime());
    long less = forecast("base-125m", "runtime.activation_checkpointing=true").memoryBytes();
    assertThat(less).isLessThan(forecast.memoryBytes());
    assertThatCode(
            () -> forecast.requireMemory(1L << 50, run.model(), run.training(), run.runtime()))
        .doesNotThrowAnyException();
    assertThatThrownBy(
            () -> forecast.requireMemory(3 * GIB, run.model(), run.training(), run.runtime()))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining(
            "this run needs about "
                + Forecast.bytes(forecast.memoryBytes())
                + " of memory, 3.0 GiB are available")
        .hasMessageContaining(
            "runtime.activation_checkpointing=true (" + Forecast.bytes(less) + ")");
  }

  /// A share of all parameters and those of the largest layer and of no layer: 12 layers of 7.1 M
  /// and 77 M outside.
  @Test
  void shardedParametersAreAShareAndALayer() throws Exception {
    RunConfig run =
        Recipes.load(
            "base-125m",
            List.of("runtime.shard_parameters=true", "runtime.precision=fp32"),
            Tokenizers::vocabularySize);
    RankMesh mesh = new RankMesh(8, 8);
    Forecast sharded = Forecast.of(run.model(), run.training(), run.runtime(), mesh);
    long all = sharded.parameters();
    long layer =
        Blueprint.of(run.model()).parameters().stream()
            .filter(parameter -> Blueprint.layerOf(parameter.name()) == 0)
            .mapToLong(Parameter::elements)
            .sum();
    long outside = all - 12 * layer;
    assertThat(layer).isBetween(7_000_000L, 7_200_000L);
    assertThat(sharded.gradientBytes()).isEqualTo(4 * (Math.ceilDiv(all, 8) + layer + outside));
    assertThat(sharded.weightBytes()).isEqualTo(sharded.gradientBytes());
    Forecast alone = Forecast.of(run.model(), run.training(), run.runtime());
    assertThat(alone.gradientBytes()).as("one rank holds all").isEqualTo(4 * all);
  }

  /// Three times C numbers a token and layer, for as long as the backward pass has not read them.
  @Test
  void whatAConvolutionReadIsKept() throws Exception {
    long without = forecast("base-125m").activationBytes();
    long with = forecast("base-125m", "model.short_convolution=4").activationBytes();
    RunConfig run = Recipes.load("base-125m", List.of(), Tokenizers::vocabularySize);
    int bytes = run.runtime().precision() == RuntimeConfig.Precision.BF16 ? 2 : 4;
    long tokens = (long) run.training().window() * run.training().sequences();
    long layers = run.runtime().activationCheckpointing() ? 1 : run.model().layers();
    assertThat(with - without).isEqualTo(layers * tokens * bytes * 3 * run.model().hidden());
  }

  @Test
  void theDiskMustHoldOneCheckpointMoreThanIsKept() throws Exception {
    Forecast forecast = forecast("base-125m");
    long need = 4 * forecast.checkpointBytes();
    assertThatCode(() -> forecast.requireDisk(need, 3)).doesNotThrowAnyException();
    assertThatThrownBy(() -> forecast.requireDisk(need - 1, 3))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("free some, choose another run, or checkpoint.keep=1");
  }

  @Test
  void numbersForPeople() {
    assertThat(Forecast.bytes(1536)).isEqualTo("1.5 KiB");
    assertThat(Forecast.bytes(200.0 * GIB)).isEqualTo("200 GiB");
    assertThat(Forecast.bytes(17)).isEqualTo("17 B");
    assertThat(Forecast.si(162_000_000)).isEqualTo("162 M");
    assertThat(Forecast.si(12)).isEqualTo("12");
    assertThat(Forecast.si(1.5e9)).isEqualTo("1.50 G");
  }

  private static Forecast forecast(String recipe, String... overrides) throws Exception {
    RunConfig run = Recipes.load(recipe, List.of(overrides), Tokenizers::vocabularySize);
    return Forecast.of(run.model(), run.training(), run.runtime());
  }
}
