// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.io.FieldMessage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// One experiment of the paper: its runs as recipes, what is measured on a finished run, the tables
/// and plots of all of them. To add one, implement this and name it in [Reproductions].
public interface Reproduction {
  /// Such as `table2`: what the command line and files call it.
  String name();

  /// One line for the plan.
  String about();

  /// What a user has to give first, in a line; empty where nothing is missing.
  default Optional<FieldMessage> lacks(Setting setting) {
    return Optional.empty();
  }

  /// All its runs, those that are wanted first in front. They may be another experiment's: a run is
  /// carried out once, and measured by the experiment that its [RunId] names.
  List<Job> jobs(Setting setting) throws IOException;

  /// Makes what its recipes name and nobody else has: a tokenizer, a corpus. Called before the
  /// first of its runs; what is there already stays.
  default void prepare(Setting setting, TokenizationListener listener) throws IOException {}

  /// Measures a job that has a model.
  ///
  /// @param figures takes all that tables and plots will need
  default void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    throw new IllegalStateException(job.id() + " measures no model");
  }

  /// Measures a job that has none.
  default void measure(Setting setting, Job job, ObjectNode figures) throws IOException {
    throw new IllegalStateException(job.id() + " needs a model");
  }

  /// Tables and plots from what is there. Runs that are missing leave their cells empty.
  Findings findings(Setting setting, EvidenceSet evidence) throws IOException;
}
