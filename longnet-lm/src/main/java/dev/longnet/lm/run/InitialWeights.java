// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.io.IOException;
import java.util.List;

/// A new run that starts from another model's weights: a dense checkpoint that goes on as LongNet.
/// Shape, positions and vocabulary are the checkpoint's, attention, training and everything else
/// the recipe's. Every attention has the same parameters, so every weight is kept.
public final class InitialWeights {
  private static final Field INIT = Field.of("init");

  private InitialWeights() {}

  /// @param recipe what the run's recipe says
  /// @param overrides the `PATH=VALUE`s given for this run, to be told apart from the recipe's own
  /// @return the recipe with the checkpoint's model under the recipe's attention
  /// @throws IllegalArgumentException when the two do not go together
  public static RunConfig apply(RunConfig recipe, Checkpoint init, List<String> overrides)
      throws IOException {
    for (String override : overrides) {
      boolean mixers =
          override.startsWith("model.attention") || override.startsWith("model.mixers");
      if (override.startsWith("model.") && !mixers || override.startsWith("model=")) {
        throw new FieldException(
            "%s takes the model from the checkpoint, all but model.attention: %s",
            INIT, override(override));
      }
    }
    ModelConfig given = init.model();
    if (!given.causal()) {
      throw new FieldException(
          "%s needs a decoder: model.causal=false in %s", INIT, init.directory());
    }
    String tokenizer = recipe.corpus().tokenizer();
    if (init.hasTokenizer() && !init.hasTokenizer(tokenizer)) {
      throw new FieldException(
          "%s needs the tokenizer of its checkpoint: give %s: corpus.tokenizer=%s",
          INIT, Field.of("corpus.tokenizer", init.tokenizer()), tokenizer);
    }
    // A recipe's vocabulary is its tokenizer's, or larger.
    if (!init.hasTokenizer() && given.vocabulary() < recipe.model().vocabulary()) {
      throw new FieldException(
          "%s needs a model that holds the %d tokens of corpus.tokenizer=%s: vocabulary=%d in %s",
          INIT, recipe.model().vocabulary(), tokenizer, given.vocabulary(), init.directory());
    }
    ModelConfig model = given.withMixers(recipe.model().mixers());
    requireSameParameters(given, model, init);
    return recipe.withModel(model);
  }

  /// Every attention has the same parameters; another mixer may have its own.
  private static void requireSameParameters(
      ModelConfig given, ModelConfig wanted, Checkpoint init) {
    List<Parameter> theirs = Blueprint.of(given).parameters();
    for (Parameter parameter : Blueprint.of(wanted).parameters()) {
      boolean there =
          theirs.stream()
              .anyMatch(
                  t -> t.name().equals(parameter.name()) && t.shape().equals(parameter.shape()));
      if (!there) {
        throw new FieldException(
            "%s needs mixers that have the checkpoint's parameters: %s of the recipe's mixers is not in %s",
            INIT, parameter.name(), init.directory());
      }
    }
  }

  private static Field override(String pathAndValue) {
    String[] parts = pathAndValue.split("=", 2);
    return parts.length == 1 ? Field.of(parts[0]) : Field.of(parts[0], parts[1]);
  }
}
