// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.core.config.AttentionConfig.Dense;
import dev.longnet.core.config.AttentionConfig.Dilated;
import dev.longnet.core.config.BranchedAttention;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.lm.torch.TensorFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/// What `pytorch_step.py` reads: a model as it begins, the tokens of its steps, and how they are
/// taken.
final class PyTorchModel {
  private PyTorchModel() {}

  /// Why the script does not know a recipe's model; empty where it does.
  static Optional<String> unknown(RunConfig config) {
    if (!config.runtime().device().equals("cpu")) {
      return Optional.of("its side runs on the CPU only");
    }
    if (!config.model().causal()) {
      return Optional.of("its side knows decoders only");
    }
    for (MixerConfig mixer : config.model().mixers()) {
      switch (mixer) {
        case Dilated _, Dense _ -> {}
        case BranchedAttention branched
            when branched.all().stream().allMatch(PyTorchModel::plain) -> {}
        case BranchedAttention _ -> {
          return Optional.of("its side knows branches of plain segments only");
        }
        default -> {
          return Optional.of(
              "its side knows dilated and dense attention only, not " + mixer.type());
        }
      }
    }
    return Optional.empty();
  }

  /// Of whole segments that begin at multiples of their length, queries and keys thinned out alike.
  private static boolean plain(BranchedAttention.Placed placed) {
    Branch branch = placed.branch();
    return branch.window() == Branch.Window.SEGMENT
        && branch.dilate() == Branch.Dilate.BOTH
        && branch.shift() == 0;
  }

  /// @param parameters under their names, as they are before the first update
  /// @param tokens [1, N+1] int64
  static void write(Path file, RunConfig config, Map<String, Tensor> parameters, Tensor tokens)
      throws IOException {
    Map<String, Tensor> all = new LinkedHashMap<>(parameters);
    all.put("tokens", tokens);
    TensorFiles.write(file, Map.of("config", settings(config).toString()), all);
  }

  private static ObjectNode settings(RunConfig config) {
    ModelConfig model = config.model();
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.set("model", ModelTree.write(model));
    ArrayNode mixers = tree.putArray("mixers");
    ArrayNode periods = tree.putArray("periods");
    for (MixerConfig mixer : model.mixers()) {
      mixer.write(mixers.addObject());
      if (mixer.period().isPresent()) {
        periods.add(mixer.period().getAsLong());
      } else {
        periods.addNull();
      }
    }
    ArrayNode shown = tree.putArray("tokens_shown");
    for (int layer = 0; layer < model.layers(); layer++) {
      MixerConfig mixer = model.mixer(layer);
      shown.add(
          JsonNodeFactory.instance
              .arrayNode()
              .add(mixer.period().orElse(Long.MAX_VALUE))
              .add(mixer.longestSegment().orElse(Long.MAX_VALUE)));
    }
    tree.put("precision", config.runtime().precision().name().toLowerCase(Locale.ROOT));
    tree.put("threads", ModelSteps.threads(config.runtime()));
    tree.put("gradient_clip", config.training().gradientClip());
    OptimizerConfig optimizer = config.optimizer();
    tree.putObject("optimizer")
        .put("rule", optimizer.rule().name().toLowerCase(Locale.ROOT))
        .put("learning_rate", optimizer.learningRate())
        .put("beta1", optimizer.beta1())
        .put("beta2", optimizer.beta2())
        .put("epsilon", optimizer.epsilon())
        .put("weight_decay", optimizer.weightDecay());
    return tree;
  }
}
