// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.Checksums;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.Parameter;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Npy;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.ShardedWeights;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.io.WeightFiles;
import dev.longnet.core.stream.StateFile;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamSession;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.core.weights.EncoderCheckpoint;
import dev.longnet.core.weights.HubImport;
import dev.longnet.core.weights.TorchscaleImport;
import dev.longnet.core.weights.WeightsExport;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/// What holds models: weights in all forms, checkpoints, states of streams, tokenizers, recipes.
final class ModelFiles implements AutoCloseable {
  private static final Path FILES = Path.of("src/test/resources");

  private static final ModelConfig MODEL =
      new ModelConfig(
          257,
          2,
          8,
          2,
          12,
          PositionEncoding.XPOS,
          true,
          true,
          new AttentionConfig.Dilated(
              List.of(new Branch(8, 1), new Branch(32, 4)), HeadOffsets.INTERLEAVED));

  private static final ModelConfig TWO_MIXERS =
      MODEL.withMixers(List.of(new AttentionConfig.Dense(), new AttentionConfig.Sparse(8, 2)));

  private final Path folder;
  private final List<StreamingModel> models = new ArrayList<>();

  ModelFiles(Path folder) {
    this.folder = folder;
  }

  List<Parser> parsers() throws IOException {
    List<Parser> all = new ArrayList<>();
    all.add(safetensors());
    all.add(index());
    all.add(npy());
    all.add(npz());
    all.add(pytorch());
    all.add(pickle());
    all.add(state("stream state, one mixer", MODEL));
    all.add(state("stream state, two mixers", TWO_MIXERS));
    Path run = Files.createDirectories(folder.resolve("run"));
    Path checkpoint = checkpoint(run);
    for (String name :
        List.of("config.json", "trainer.json", "checksums.json", "model.safetensors")) {
      all.add(checkpoint(checkpoint, name));
    }
    all.add(hub(checkpoint));
    all.add(fairseq());
    all.add(encoder());
    all.add(tokenizer());
    all.add(recipe());
    return all;
  }

  private Path place(String name) throws IOException {
    return Files.createDirectories(folder.resolve(name));
  }

  private static TensorEntry floats(String name, long... shape) {
    int count = 1;
    for (long s : shape) {
      count *= (int) s;
    }
    return TensorEntry.of(name, shape, new float[count]);
  }

  private static void readAll(WeightFiles weights) {
    weights.metadata();
    for (String name : weights.names()) {
      touch(weights.tensor(name));
    }
  }

  private static void touch(TensorEntry tensor) {
    long bytes = tensor.data().byteSize();
    if (bytes > 0) {
      tensor.data().get(ValueLayout.JAVA_BYTE, 0);
      tensor.data().get(ValueLayout.JAVA_BYTE, bytes - 1);
    }
  }

  private Parser safetensors() throws IOException {
    Path file = place("safetensors").resolve("a.safetensors");
    List<byte[]> seeds = new ArrayList<>();
    SafetensorsWriter.write(
        file,
        Map.of("format", "pt", "note", "é"),
        List.of(floats("a.weight", 3, 4), floats("b", 5), floats("empty", 0, 2)));
    seeds.add(Files.readAllBytes(file));
    SafetensorsWriter.write(file, Map.of(), List.of(TensorEntry.of("x", new long[] {2}, 1L, 2L)));
    seeds.add(Files.readAllBytes(file));
    return new Parser(
        "safetensors",
        seeds,
        input -> {
          Files.write(file, input);
          try (WeightFiles weights = WeightFiles.open(file)) {
            readAll(weights);
          }
        });
  }

  private Parser index() throws IOException {
    Path file = place("index").resolve(ShardedWeights.INDEX);
    SafetensorsWriter.write(
        file.resolveSibling("a.safetensors"), Map.of(), List.of(floats("a", 2), floats("b", 1)));
    SafetensorsWriter.write(
        file.resolveSibling("b.safetensors"), Map.of(), List.of(floats("c", 2)));
    byte[] seed =
        """
        {"metadata": {"total_size": 20, "format": "pt"},
         "weight_map": {"a": "a.safetensors", "b": "a.safetensors", "c": "b.safetensors"}}
        """
            .getBytes(StandardCharsets.UTF_8);
    return new Parser(
            "safetensors index",
            List.of(seed),
            input -> {
              Files.write(file, input);
              try (WeightFiles weights = WeightFiles.open(file)) {
                readAll(weights);
              }
            })
        .grant(16 << 20);
  }

  private Parser npy() throws IOException {
    Path file = place("npy").resolve("a.npy");
    List<byte[]> seeds = new ArrayList<>();
    for (TensorEntry entry : List.of(floats("a", 3, 4), floats("a", 7), floats("a"))) {
      Npy.write(file, entry);
      seeds.add(Files.readAllBytes(file));
    }
    return new Parser(
        "npy",
        seeds,
        input -> {
          Files.write(file, input);
          try (Arena arena = Arena.ofConfined()) {
            touch(Npy.open(file, arena));
          }
        });
  }

  /// Refused by its name, wherever weights or arrays are wanted.
  private Parser npz() throws IOException {
    Path file = place("npz").resolve("a.npz");
    Npy.write(file, floats("a", 3));
    byte[] seed = zip("a.npy", Files.readAllBytes(file));
    return new Parser(
        "npz",
        List.of(seed),
        input -> {
          Files.write(file, input);
          try (WeightFiles weights = WeightFiles.open(file)) {
            readAll(weights);
          }
        });
  }

  private Parser pytorch() throws IOException {
    Path file = place("pt").resolve("a.pt");
    List<byte[]> seeds = new ArrayList<>();
    for (String name : List.of("values.pt", "fairseq.pt", "system.pt")) {
      seeds.add(Files.readAllBytes(FILES.resolve("pytorch").resolve(name)));
    }
    return new Parser(
        "PyTorch zip",
        seeds,
        input -> {
          Files.write(file, input);
          try (WeightFiles weights = WeightFiles.open(file)) {
            readAll(weights);
            weights.values();
          }
        });
  }

  /// The pickle of a PyTorch file whose zip is whole, and whose tensors have bytes.
  private Parser pickle() throws IOException {
    Path file = place("pickle").resolve("a.pt");
    List<byte[]> seeds = new ArrayList<>();
    for (String name : List.of("values.pt", "fairseq.pt", "fairseq-cfg.pt")) {
      try (ZipFile zip = new ZipFile(FILES.resolve("pytorch").resolve(name).toFile())) {
        ZipEntry entry =
            zip.stream().filter(e -> e.getName().endsWith("/data.pkl")).findFirst().orElseThrow();
        byte[] pickle = zip.getInputStream(entry).readAllBytes();
        if (pickle.length < 10_000) {
          seeds.add(pickle);
        }
      }
    }
    return new Parser(
        "pickle",
        seeds,
        input -> {
          Files.write(file, zip("archive/data.pkl", input));
          try (WeightFiles weights = WeightFiles.open(file)) {
            readAll(weights);
            weights.values();
          }
        });
  }

  /// Entries stored as torch writes them; twenty records for tensors.
  private static byte[] zip(String name, byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      store(zip, name, content);
      for (int i = 0; i < 20 && name.endsWith("pkl"); i++) {
        store(zip, "archive/data/" + i, new byte[96]);
      }
    }
    return bytes.toByteArray();
  }

  private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
    ZipEntry entry = new ZipEntry(name);
    CRC32 sum = new CRC32();
    sum.update(content);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(sum.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
  }

  private static Map<String, TensorEntry> weights(ModelConfig config) {
    Random random = new Random(1);
    Map<String, TensorEntry> weights = new TreeMap<>();
    for (Parameter parameter : Blueprint.of(config).parameters()) {
      TensorEntry entry = floats(parameter.name(), parameter.dimensions());
      for (long i = 0; i < entry.elements(); i++) {
        entry.data().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, random.nextFloat() - 0.5f);
      }
      weights.put(parameter.name(), entry);
    }
    return weights;
  }

  private Parser state(String kind, ModelConfig config) throws IOException {
    StreamingModel model =
        StreamingModel.load(config, weights(config)::get, StreamOptions.defaults().withThreads(1));
    models.add(model);
    List<byte[]> seeds = new ArrayList<>();
    try (StreamSession session = model.newSession();
        StreamState state = model.newStream()) {
      for (int tokens : new int[] {0, 20, 50}) {
        session.read(state, new int[tokens], 0, tokens);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        StateFile.write(out, state, Map.of("place", "12", "note", "é"));
        seeds.add(out.toByteArray());
      }
    }
    return new Parser(
            kind,
            seeds,
            input -> {
              boolean known = input.length % 2 == 0;
              OptionalLong length = known ? OptionalLong.of(input.length) : OptionalLong.empty();
              StateFile.read(new ByteArrayInputStream(input), length, model).state().close();
            })
        .whole(ModelFiles::sum);
  }

  /// The last eight bytes become the checksum of those before.
  private static byte[] sum(byte[] state) {
    if (state.length < 8) {
      return state;
    }
    byte[] whole = state.clone();
    CRC32C sum = new CRC32C();
    sum.update(whole, 0, whole.length - 8);
    ByteBuffer.wrap(whole).putLong(whole.length - 8, sum.getValue());
    return whole;
  }

  private static Path checkpoint(Path run) throws IOException {
    AtomicFiles.PathBody weights =
        file -> SafetensorsWriter.write(file, Map.of(), List.copyOf(weights(MODEL).values()));
    return Checkpoint.write(
        run,
        new Checkpoint.Config(MODEL, "bytes", 64),
        new TrainerState(12, 12, 24, 1536, 0, 0, 7, 1.5, "abc"),
        new Checkpoint.Tensors(weights, weights),
        1);
  }

  /// One file of a checkpoint; the checksums are right, but where they are what is damaged.
  private Parser checkpoint(Path whole, String name) throws IOException {
    Path directory = place("checkpoint-" + name);
    copy(whole, directory);
    return new Parser(
        "checkpoint, " + name,
        List.of(Files.readAllBytes(whole.resolve(name))),
        input -> {
          Files.write(directory.resolve(name), input);
          if (!name.equals("checksums.json")) {
            Files.delete(directory.resolve("checksums.json"));
            Checksums.write(directory);
          }
          Checkpoint checkpoint = Checkpoint.resolve(directory);
          if (name.equals("model.safetensors") || name.equals("config.json")) {
            StreamOptions options = StreamOptions.defaults().withThreads(1);
            StreamingModel.load(checkpoint.model(), checkpoint.weights(), options).close();
          }
        });
  }

  private static void copy(Path from, Path to) throws IOException {
    try (var files = Files.list(from)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, to.resolve(file.getFileName().toString()));
      }
    }
  }

  private Parser hub(Path checkpoint) throws IOException {
    Path directory = folder.resolve("hub");
    Path out = folder.resolve("hub-imported");
    WeightsExport.run(
        checkpoint,
        directory,
        new WeightsExport.Options(
            WeightsExport.Target.HUB, Optional.empty(), OptionalLong.empty()));
    return new Parser(
        "Hub's config.json",
        List.of(Files.readAllBytes(directory.resolve("config.json"))),
        input -> {
          Files.write(directory.resolve("config.json"), input);
          imported(out, () -> HubImport.run(directory, out));
        });
  }

  /// Arguments of torchscale as fairseq keeps them.
  private Parser fairseq() throws IOException {
    Path file = place("fairseq").resolve("a.pt");
    Path out = folder.resolve("fairseq-imported");
    var options =
        new TorchscaleImport.Options(
            Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), false);
    return new Parser(
        "fairseq checkpoint",
        List.of(
            Files.readAllBytes(FILES.resolve("pytorch/fairseq-args.pt")),
            Files.readAllBytes(FILES.resolve("pytorch/fairseq-cfg.pt"))),
        input -> {
          Files.write(file, input);
          imported(out, () -> TorchscaleImport.run(file, out, options));
        });
  }

  private interface Import {
    TorchscaleImport.Result run() throws IOException;
  }

  /// Whole or not at all.
  private static void imported(Path out, Import body) throws IOException {
    try {
      body.run();
      Checkpoint.resolve(out);
    } finally {
      AtomicFiles.deleteRecursively(out);
    }
    try (var files = Files.list(out.getParent())) {
      if (files.anyMatch(f -> f.getFileName().toString().startsWith("." + out.getFileName()))) {
        throw new IllegalStateException("something half-written is left");
      }
    }
  }

  private Parser encoder() throws IOException {
    Path directory = place("encoder");
    byte[] seed =
        """
        {"format": "longnet-encoder", "format_version": 1,
         "encoder": {"layers": 1, "hidden": 16, "heads": 2, "feed_forward": 32, "activation": "gelu",
          "sub_ln": true, "attention": {"type": "dilated", "segment_lengths": [4, 8], "dilations": [1, 2]}}}
        """
            .getBytes(StandardCharsets.UTF_8);
    return new Parser(
        "encoder's config.json",
        List.of(seed),
        input -> {
          Files.write(directory.resolve("config.json"), input);
          EncoderCheckpoint.open(directory);
        });
  }

  /// The library keeps what it has read as long as the process lives: fewer inputs than others.
  private Parser tokenizer() throws IOException {
    Path file = place("tokenizer").resolve("tokenizer.json");
    List<byte[]> seeds = new ArrayList<>();
    for (String name : List.of("wordlevel", "bert", "lower", "gpt2", "llama", "unigram-bytes")) {
      seeds.add(Files.readAllBytes(FILES.resolve("tokenizers/" + name + ".json")));
    }
    byte[] text = "int x = 12; // é 中\n".getBytes(StandardCharsets.UTF_8);
    return new Parser(
            "tokenizer.json",
            seeds,
            input -> {
              Files.write(file, input);
              Tokenizer tokenizer = Tokenizers.of(file.toString());
              tokenizer.decode(tokenizer.encode(text));
              tokenizer.byteCounts(new byte[0], text);
            })
        .grant(64 << 20);
  }

  private Parser recipe() throws IOException {
    Path file = place("recipe").resolve("a.yaml");
    List<byte[]> seeds = new ArrayList<>();
    for (String name : List.of("quickstart", "quickstart-dense")) {
      seeds.add(Files.readAllBytes(Path.of("../recipes/" + name + ".yaml")));
    }
    seeds.add(
        """
        name: tiny
        corpus: {sources: ['a', {path: b, weight: 2}], tokenizer: bytes, validation: 0.3}
        model:
          layers: 2
          hidden: 32
          heads: 4
          mixers: [{type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}, {type: dense}]
        training: {window: 64, sequences: 2, batch_tokens: 256, steps: 60}
        optimizer: {learning_rate: 3e-3}
        """
            .getBytes(StandardCharsets.UTF_8));
    return new Parser(
        "recipe",
        seeds,
        input -> {
          Files.write(file, input);
          Recipes.load(file.toString(), List.of(), _ -> 257);
        });
  }

  @Override
  public void close() {
    models.forEach(StreamingModel::close);
  }
}
