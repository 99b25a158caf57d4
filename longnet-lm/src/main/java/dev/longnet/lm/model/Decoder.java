// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.lm.torch.TorchThreads;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// The paper's Transformer (MAGNETO: Sub-LN, xPos, no absolute positions): decoder, or encoder
/// where the configuration is not causal. Attention comes from outside; everything else is the same
/// for all kinds of it.
///
/// No graph is recorded: layers, head and loss know their backward passes, so a pass keeps exactly
/// what it needs, and attention is called as values and gradients. Tensors returned belong to the
/// caller's `PointerScope`; parameters and gradients belong to the model. For one thread at a time.
///
/// Legend: B batch, N tokens, T = B N, C hidden, H heads, D head size, V vocabulary.
public final class Decoder implements AutoCloseable {
  static final ScalarTypeOptional SUM_TYPE =
      new ScalarTypeOptional(ScalarType.Double).retainReference();

  /// Threads take multiples of so many columns: a cache line of float32 and the next one.
  private static final int COLUMNS = 32;

  private final ModelConfig config;
  private final ModelOptions options;
  private final Blueprint blueprint;
  private final Tools tools;
  private final Parameters parameters;
  private final Workspace workspace;
  private final Mixers mixers;
  private final Stack stack;
  private final OutputHead head;

  /// Whether rounded copies of the parameters are of these parameters; see [#zeroGradients()].
  private boolean prepared;

  private Decoder(
      ModelConfig config,
      ModelOptions options,
      AttentionOperator.Factory operators,
      long seed,
      SequenceShards shards,
      @Nullable StepProfile profile) {
    this.config = config;
    this.options = options;
    this.blueprint = Blueprint.of(config);
    this.tools = Tools.of(blueprint, options, shards, profile);
    try {
      this.parameters = tools.parameters();
      this.workspace = tools.workspace();
      Initialization.fill(parameters, blueprint, seed);
      this.mixers = new Mixers(tools, config, operators);
      this.stack =
          new Stack(
              tools,
              IntStream.range(0, config.layers())
                  .mapToObj(i -> new Layer(tools, i, mixers.of(i), config.activation()))
                  .toList());
      this.head = new OutputHead(tools, config);
    } catch (RuntimeException | Error e) {
      tools.close();
      throw e;
    }
  }

  /// A model with random weights, a function of `seed` alone.
  ///
  /// @param operators makes the operator of each attention; they stay the caller's to close
  public static Decoder create(
      ModelConfig config, ModelOptions options, AttentionOperator.Factory operators, long seed) {
    return create(config, options, operators, seed, null);
  }

  /// As [#create(ModelConfig, ModelOptions, AttentionOperator.Factory, long)].
  ///
  /// @param profile takes the time of what its passes do on the CPU; attention's is its operators'
  public static Decoder create(
      ModelConfig config,
      ModelOptions options,
      AttentionOperator.Factory operators,
      long seed,
      @Nullable StepProfile profile) {
    return create(config, options, operators, seed, SequenceShards.one(), profile);
  }

  /// As [#create(ModelConfig, ModelOptions, AttentionOperator.Factory, long)].
  ///
  /// @param shards the parts of windows that its passes may hold, as the operators know them
  /// @param profile as above; null: nobody asked
  public static Decoder create(
      ModelConfig config,
      ModelOptions options,
      AttentionOperator.Factory operators,
      long seed,
      SequenceShards shards,
      @Nullable StepProfile profile) {
    try (PointerScope _ = new PointerScope()) {
      return new Decoder(config, options, operators, seed, shards, profile);
    }
  }

  public ModelConfig config() {
    return config;
  }

  public ModelOptions options() {
    return options;
  }

  /// The threads of this model's passes, for what else works on its parameters between them.
  public Workers workers() {
    return tools.crew();
  }

  /// Lets libtorch's operations on this thread use one thread on the CPU, as the operations of this
  /// model's passes do, until the caller closes it; changes nothing for a model on a GPU. Every
  /// pass opens it for itself. Whoever makes many opens it around them, because OpenBLAS takes half
  /// a millisecond to change its number.
  public TorchThreads threads() {
    return tools.crew().open();
  }

  /// Every parameter: its name, its shape, how it is drawn, whether it decays.
  public Blueprint blueprint() {
    return blueprint;
  }

  /// One line for logs: how the layers' mixers compute.
  public String describe() {
    return stack.layers().stream()
        .map(layer -> layer.mixer().describe())
        .distinct()
        .collect(Collectors.joining("; "));
  }

  /// float32, under torchscale's names, in the order of its state dict. Contents may be written,
  /// then [#prepare()].
  public SequencedMap<String, Tensor> parameters() {
    return parameters.values();
  }

  /// float32, the names and order of [#parameters()]; accumulated by [#lossAndGradients] until
  /// [#zeroGradients()].
  public SequencedMap<String, Tensor> gradients() {
    return parameters.gradients();
  }

  /// The memory of both: what exchanges all of them at once.
  public Parameters memory() {
    return parameters;
  }

  /// Begins a step: the passes that follow add up gradients of the parameters as they are now.
  /// These must not change before the last of them.
  public void zeroGradients() {
    parameters.zeroGradients(tools.crew());
    prepared = false;
  }

  /// Takes over parameters that were written. Whole passes ([#logits], [#losses], [#forward]) do it
  /// themselves, [#lossAndGradients] once after [#zeroGradients()]; only those who ask for
  /// embeddings alone have to.
  public void prepare() {
    if (parameters.divided()) {
      throw new IllegalStateException("ranks hold this model's parameters for one another");
    }
    List<Linear> linears = new ArrayList<>();
    stack.prepare(linears::add);
    head.prepare(linears::add);
    try (TorchThreads _ = tools.crew().open()) {
      tools.crew().run(linears.size(), (i, _) -> linears.get(i).prepare());
    }
    prepared = true;
  }

  /// @param tokens [B, N] int64
  /// @return [B, N, V] float32
  public Tensor logits(Tensor tokens) {
    requireTokens(tokens, "tokens", 1);
    prepare();
    Tensor out;
    try (TorchThreads _ = tools.crew().open();
        PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Shape shape = shape(tokens.size(0), tokens.size(1));
      out =
          head.logits(stack.run(embedInto(tokens), shape))
              .view(tokens.size(0), tokens.size(1), config.vocabulary());
      out.retainReference();
    }
    return adopt(out);
  }

  /// The logits of each sequence's last position alone: what generation needs of a long prompt.
  ///
  /// @param tokens [B, N] int64
  /// @return [B, V] float32
  public Tensor nextLogits(Tensor tokens) {
    requireTokens(tokens, "tokens", 1);
    prepare();
    Tensor out;
    try (TorchThreads _ = tools.crew().open();
        PointerScope _ = new PointerScope()) {
      long batch = tokens.size(0);
      Shape shape = shape(batch, tokens.size(1));
      Tensor x = stack.run(embed(tokens), shape).view(batch, tokens.size(1), config.hidden());
      out = head.logits(x.narrow(1, tokens.size(1) - 1, 1).reshape(batch, config.hidden()));
      out.retainReference();
    }
    return adopt(out);
  }

  /// The stack from embeddings on, with the final norm, for encoders and probes.
  ///
  /// @param embeddings [B, N, C] float32
  /// @return [B, N, C] float32
  public Tensor forward(Tensor embeddings) {
    prepare();
    Tensor out;
    try (TorchThreads _ = tools.crew().open();
        PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Shape shape = shape(embeddings.size(0), embeddings.size(1));
      Tensor x = embeddings.reshape(-1, config.hidden()).contiguous().clone();
      out =
          head.normed(stack.run(x, shape))
              .view(embeddings.size(0), embeddings.size(1), config.hidden());
      out.retainReference();
    }
    return adopt(out);
  }

  /// Negative log-likelihood of every next token, without gradients; [B, N, V] never exists.
  ///
  /// @param windows [B, N+1] int64: inputs and, one later, their targets
  /// @return [B, N] float32, nats
  public Tensor losses(Tensor windows) {
    requireTokens(windows, "windows", 2);
    return losses(windows, Span.whole(windows.size(1) - 1));
  }

  /// As [#losses(Tensor)] of a part of each window.
  ///
  /// @param windows [B, n+1] int64: the span's inputs and, one later, their targets
  /// @return [B, n] float32, nats
  public Tensor losses(Tensor windows, Span span) {
    return losses(windows, span, null, null);
  }

  /// As [#losses(Tensor, Span)], and adds to `share` how much probability all predictions together
  /// give to some ids.
  ///
  /// @param ids `[n]` int64
  /// @param share [1] float64
  public Tensor losses(Tensor windows, Span span, @Nullable Tensor ids, @Nullable Tensor share) {
    requireSpan(windows, span);
    if (!parameters.divided()) {
      prepare();
    }
    Tensor out;
    try (TorchThreads _ = tools.crew().open();
        PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      long n = span.tokens();
      Shape shape = tools.shape(windows.size(0), span);
      enter();
      Tensor x = stack.run(embedInto(windows.narrow(1, 0, n)), shape);
      out =
          head.losses(x, windows.narrow(1, 1, n).reshape(-1).contiguous(), ids, share)
              .view(windows.size(0), n);
      leave();
      out.retainReference();
    }
    return adopt(out);
  }

  /// Adds `scale` times the gradient of the mean loss to [#gradients()].
  ///
  /// @param windows [B, N+1] int64: inputs and, one later, their targets
  /// @return the mean loss of the B N targets, nats, not scaled
  public double lossAndGradients(Tensor windows, double scale) {
    requireTokens(windows, "windows", 2);
    Span span = Span.whole(windows.size(1) - 1);
    long targets = windows.size(0) * span.tokens();
    return lossAndGradients(windows, span, scale / targets) / targets;
  }

  /// Adds `weight` times the gradient of the sum of all losses to [#gradients()]. Sums, because
  /// what a mean is over may lie with other ranks.
  ///
  /// @param windows [B, n+1] int64: the span's inputs and, one later, their targets
  /// @param span which tokens of their windows these are
  /// @param weight e.g. 1 / (targets of all passes of a step)
  /// @return the sum of the B n losses, nats, not weighted; not finite where the forward pass was
  ///   not
  public double lossAndGradients(Tensor windows, Span span, double weight) {
    requireSpan(windows, span);
    if (!prepared && !parameters.divided()) {
      prepare();
    }
    try (TorchThreads _ = tools.crew().open();
        PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      long n = span.tokens();
      Shape shape = tools.shape(windows.size(0), span);
      Tensor inputs = windows.narrow(1, 0, n).reshape(-1).contiguous();
      Tensor targets = windows.narrow(1, 1, n).reshape(-1).contiguous();
      Tensor gradient = workspace.take(ScalarType.Float, inputs.numel(), config.hidden());
      enter();
      Stack.Kept kept = stack.forward(embedInto(inputs), shape);
      Tensor losses = head.lossesAndGradients(kept.out(), targets, weight, gradient);
      stack.backward(kept, shape, gradient);
      if (inputs.numel() > 0) {
        addEmbeddings(inputs, gradient);
      }
      parameters.residence().reduce(Residence.OUTSIDE);
      leave();
      return losses.sum(SUM_TYPE).item_double();
    }
  }

  private void enter() {
    if (parameters.residence().enter(Residence.OUTSIDE)) {
      head.prepare(Linear::prepare);
    }
  }

  private void leave() {
    if (parameters.residence().leave(Residence.OUTSIDE)) {
      head.prepare(Linear::forget);
    }
  }

  /// Takes part in [#losses] or [#lossAndGradients] of other ranks without windows of its own,
  /// where ranks hold parameters for one another; else does nothing.
  ///
  /// @param backward whether there are gradients
  public void standBy(boolean backward) {
    Residence residence = parameters.residence();
    residence.enter(Residence.OUTSIDE);
    stack.standBy(backward);
    if (backward) {
      residence.reduce(Residence.OUTSIDE);
    }
    residence.leave(Residence.OUTSIDE);
  }

  /// Gives the memory of rounded copies back; the next pass makes them anew.
  public void forgetRounded() {
    stack.prepare(Linear::forget);
    head.prepare(Linear::forget);
    prepared = false;
  }

  private Shape shape(long batch, long tokens) {
    return tools.shape(batch, Span.whole(tokens));
  }

  private Tensor embedInto(Tensor tokens) {
    Tensor x = workspace.take(ScalarType.Float, tokens.numel(), config.hidden());
    return torch.index_select_out(
        x, parameters.value("embed_tokens.weight"), 0, tokens.reshape(-1));
  }

  /// Adds each token's gradient to that of its embedding, in the tokens' order; every thread takes
  /// some columns.
  private void addEmbeddings(Tensor tokens, Tensor gradient) {
    Tensor sums = parameters.gradient("embed_tokens.weight");
    long columns = gradient.size(1);
    Crew crew = tools.crew();
    int parts = (int) Math.min(crew.size(), Math.ceilDiv(columns, COLUMNS));
    long some = Math.ceilDiv(Math.ceilDiv(columns, parts), COLUMNS) * COLUMNS;
    crew.run(
        (int) Math.ceilDiv(columns, some),
        (part, _) -> {
          long from = part * some;
          long count = Math.min(some, columns - from);
          tools
              .rowwise()
              .addAt(tokens, gradient.narrow(1, from, count), sums.narrow(1, from, count));
        });
  }

  /// Memory of temporaries that is kept from pass to pass.
  public long workspaceBytes() {
    return workspace.bytes() + tools.crew().temporaryBytes();
  }

  /// Gives the memory of temporaries back; the next pass takes what it needs anew. For passes of
  /// another shape than those before.
  public void forgetTemporaries() {
    workspace.close();
    tools.crew().forgetTemporaries();
    mixers.release();
  }

  /// @param tokens int64, any shape of T ids
  /// @return [T, C] float32
  public Tensor embed(Tensor tokens) {
    return parameters.value("embed_tokens.weight").index_select(0, tokens.reshape(-1));
  }

  private static void requireTokens(Tensor tokens, String name, long least) {
    if (tokens.dim() != 2
        || !Types.is(tokens, ScalarType.Long)
        || tokens.size(1) < least
        || tokens.size(0) < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s must be [B >= 1, N >= %d] int64: %s %s",
              name,
              least,
              tokens.scalar_type(),
              Arrays.toString(tokens.shape())));
    }
  }

  /// A rank of a short window may hold none of its tokens.
  private static void requireSpan(Tensor windows, Span span) {
    requireTokens(windows, "windows", span.tokens() == 0 ? 1 : 2);
    if (windows.size(1) != span.tokens() + 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "windows must hold one id more than the span's %d tokens: %d",
              span.tokens(),
              windows.size(1)));
    }
  }

  /// From the closed inner scope to the caller's.
  private static Tensor adopt(Tensor retained) {
    PointerScope scope = PointerScope.getInnerScope();
    if (scope != null) {
      scope.attach(retained);
      retained.releaseReference();
    }
    return retained;
  }

  @Override
  public void close() {
    stack.close();
    head.close();
    mixers.close();
    tools.close();
  }
}
