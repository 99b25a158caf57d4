// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A file or a model of another kind than the command takes is named as what it is.
class WrongKindOfFileTest {
  @TempDir Path folder;

  @Test
  void arraysAreReadFromSafetensors() throws IOException {
    Path npz = zip("x.npz", "embeddings.npy");
    Path pt = zip("x.pt", "x/data.pkl");
    Path encoder = TinyCheckpoint.writeEncoder(folder.resolve("encoder"));
    Path out = folder.resolve("out.safetensors");
    Cli.refused(
        npz
            + " is NumPy's .npz, a zip of arrays; embeddings are read from safetensors and from .npy",
        "encode",
        encoder,
        "--input",
        npz,
        "--out",
        out);
    Cli.refused(
        pt + " is PyTorch's torch.save, a zip; embeddings are read from safetensors and from .npy",
        "encode",
        encoder,
        "--input",
        pt,
        "--out",
        out);
    Path model = TinyCheckpoint.write(folder.resolve("model"));
    Cli.refused(
        npz + " is NumPy's .npz, a zip of arrays; a safetensors file is needed here",
        "logits",
        model,
        "--tokens",
        npz,
        "--out",
        out);
    Path pointer =
        Files.writeString(
            folder.resolve("w.safetensors"),
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
    Cli.refused(
        "is a Git LFS pointer: run git lfs pull",
        "logits",
        model,
        "--tokens",
        pointer,
        "--out",
        out);
  }

  @Test
  void generateTakesALanguageModel() throws IOException {
    Path encoder = TinyCheckpoint.writeEncoder(folder.resolve("encoder"));
    Cli.refused(
        encoder
            + " is an encoder of embeddings (longnet-encoder), which `encode` takes; a language model is needed here",
        "generate",
        encoder,
        "--prompt",
        "a");
    Path weights = TinyCheckpoint.write(folder.resolve("model")).resolve("model.safetensors");
    Cli.refused(
        weights + " is a file (safetensors); the directory of a run or a checkpoint is needed here",
        "generate",
        weights,
        "--prompt",
        "a");
  }

  private Path zip(String name, String entry) throws IOException {
    Path file = folder.resolve(name);
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry(entry));
      zip.write("something".getBytes(StandardCharsets.US_ASCII));
      zip.closeEntry();
    }
    return file;
  }
}
