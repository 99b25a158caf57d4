// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.WeightFiles;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A directory in the form of Hugging Face's Hub, as [WeightsExport] writes it, as a run of ours.
/// What it holds besides the model is carried along to the next export.
public final class HubImport {
  private HubImport() {}

  /// @param directory with `config.json`, weights and, where its model needs it, `tokenizer.json`
  /// @param out must not exist
  /// @throws IllegalArgumentException names the key or tensor that is missing, wrong or unknown
  public static TorchscaleImport.Result run(Path directory, Path out) throws IOException {
    if (Files.exists(out)) {
      throw new FileAlreadyExistsException(out.toString());
    }
    if (!Files.isRegularFile(directory.resolve(HubConfig.FILE))) {
      throw new IllegalArgumentException(
          "not a model of the Hub's form: " + directory + " has no " + HubConfig.FILE);
    }
    HubConfig config = HubConfig.read(directory);
    Path file = directory.resolve(Checkpoint.TOKENIZER);
    String tokenizer =
        config
            .tokenizer()
            .orElse(Files.isRegularFile(file) ? file.toString() : Checkpoint.NO_TOKENIZER);
    if (!tokenizer.equals(Checkpoint.NO_TOKENIZER)) {
      int ids = Tokenizers.vocabularySize(tokenizer);
      if (ids > config.model().vocabulary()) {
        throw new IllegalArgumentException(
            "vocab_size must be at least the tokenizer's "
                + ids
                + ": vocab_size="
                + config.model().vocabulary()
                + ": "
                + directory);
      }
    }
    try (WeightFiles weights = WeightFiles.open(directory)) {
      StateDict dict = StateDict.of(weights, null, directory.toString());
      ImportPlan plan = new ImportPlan(weights, dict, directory.toString());
      Blueprint.of(config.model()).parameters().forEach(plan::take);
      if (config.model().tiedOutput()) {
        plan.sameOrAbsent(Blueprint.OUTPUT, Blueprint.EMBEDDING);
      }
      plan.finish();
      Map<String, String> metadata = new LinkedHashMap<>();
      HubConfig.Kept.of(directory, config.others()).write(metadata);
      Checkpoint.writeModelOnly(
          out,
          config.model(),
          tokenizer,
          config.trainedLength(),
          path -> plan.write(path, metadata));
      TorchscaleImport.Result result =
          plan.result(config.model().causal() ? "decoder" : "encoder of tokens");
      List<String> kept = new ArrayList<>(result.kept());
      config.others().fieldNames().forEachRemaining(key -> kept.add(HubConfig.FILE + ": " + key));
      return new TorchscaleImport.Result(
          result.kind(), result.tensors(), result.parameters(), kept);
    }
  }
}
