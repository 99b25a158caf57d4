# SPDX-License-Identifier: Apache-2.0
"""A decoder's training step as a PyTorch user writes it: the other side of `longnet bench train`.

    python pytorch_step.py FILE

FILE is a safetensors file with the model's first weights, `tokens` [1, N+1], and the metadata entry `config`: JSON
with the keys that main() reads. Nothing but PyTorch is needed. One request a line on standard input, one line of JSON
each as the answer, the first of them without a request:

                              {"python", "torch", "threads"}
    check eager|compiled      {"loss"} of the weights as they are; an update has not happened yet
    steps eager|compiled K    {"seconds": [K], "losses": [K]} of K steps: forward, backward, clip, optimizer

{"error": TEXT} says why a request failed. Both variants move the same weights.

Choices where users differ: three projections for q, k and v, layer norms in float32, the fused optimizer, autocast
for bfloat16. Dilated attention runs PyTorch's flash kernel on each branch's kept rows and weighs the branches by their
log-sum-exps, as torchscale does. The weights are constants of the backward pass there, so its gradients are not the
exact ones; the loss is.

Legend: N tokens, C hidden, H heads, D head size, V vocabulary; of a branch: w segment length, r dilation, g segments,
m kept rows of a segment.
"""
import json
import math
import os
import platform
import struct
import sys
import time
import warnings

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compilers beside what is timed
warnings.filterwarnings("ignore")

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

# Beyond so many logits the loss takes the tokens in chunks and makes the logits again in the backward pass: 512 MiB.
MOST_LOGITS = 1 << 27
TYPES = {"F32": torch.float32, "I64": torch.int64}


def read(path):
    """A safetensors file: 8 bytes of length, a JSON header of that length, the tensors' bytes."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        dtype, (begin, end) = TYPES[entry["dtype"]], entry["data_offsets"]
        values = torch.frombuffer(data, dtype=dtype, count=(end - begin) // dtype.itemsize, offset=begin)
        tensors[name] = values.reshape(entry["shape"])
    return json.loads(metadata["config"]), tensors


class Branch:
    """Which rows a branch keeps. Segments are filled up at their ends, which no causal query sees."""

    def __init__(self, w, r, tokens, heads, interleaved):
        self.r, self.tokens, self.heads = r, tokens, heads
        self.w = min(w, tokens)
        self.segments = -(-tokens // self.w)
        self.rows = -(-self.w // r)
        self.interleaved = interleaved
        # Heads in groups that keep every offset once: H = across * offsets after the padding.
        self.offsets = min(r, heads)
        self.across = -(-heads // (self.offsets if interleaved else r))
        if not interleaved:
            self.offsets = -(-heads // self.across)

    def cut(self, x):
        """[N, H, ...] as [g, m, r, H/offsets, offsets, ...], heads in the order of their offsets' rule."""
        rest = [0, 0] * (x.dim() - 2)
        x = F.pad(x, rest + [0, self.across * self.offsets - self.heads, 0, self.segments * self.w - self.tokens])
        x = x.unflatten(0, (self.segments, self.w))
        x = F.pad(x, rest + [0, 0, 0, self.rows * self.r - self.w]).unflatten(1, (self.rows, self.r))
        if self.interleaved:
            return x.unflatten(3, (self.across, self.offsets))
        return x.unflatten(3, (self.offsets, self.across)).transpose(3, 4)

    def keep(self, x):
        """[N, H, D] -> [g, H, m, D]: head j's rows begin at its offset."""
        if self.r == 1:
            x = F.pad(x, (0, 0, 0, 0, 0, self.segments * self.w - self.tokens))
            return x.unflatten(0, (self.segments, self.w)).transpose(1, 2)
        kept = self.cut(x)[:, :, : self.offsets].diagonal(dim1=2, dim2=4)
        return kept.permute(0, 4, 2, 1, 3).flatten(1, 2)

    def spread(self, kept, fill):
        """[g, H, m, D] -> [N, H, D], `fill` where a row is not kept."""
        if self.r == 1:
            return kept.transpose(1, 2).flatten(0, 1)[: self.tokens]
        kept = kept.unflatten(1, (self.offsets, self.across)).permute(0, 3, 2, 4, 1)
        shape = (self.segments, self.rows, self.r, self.across, self.offsets, kept.shape[3])
        rows = kept.new_full(shape, fill)
        first, rest = rows[:, :, : self.offsets], rows[:, :, self.offsets :]
        kept = torch.diagonal_scatter(first, kept, dim1=2, dim2=4)
        if self.r > self.offsets:
            kept = torch.cat((kept, rest), 2)
        if not self.interleaved:
            kept = kept.transpose(3, 4)
        kept = kept.flatten(3, 4)[:, :, :, : self.heads]
        return kept.flatten(1, 2)[:, : self.w].flatten(0, 1)[: self.tokens]


class SomeHeads:
    """A branch that stands on some heads; `head_offsets` counts these alone."""

    def __init__(self, own, w, r, tokens, heads, interleaved):
        self.own, self.heads = torch.tensor(own), heads
        self.branch = Branch(w, r, tokens, len(own), interleaved)

    def keep(self, x):
        return self.branch.keep(x[:, self.own])

    def spread(self, kept, fill):
        rows = self.branch.spread(kept, fill)
        return rows.new_full((len(rows), self.heads, rows.shape[2]), fill).index_copy(1, self.own, rows)


class Dilated:
    def __init__(self, mixer, layer, tokens, heads):
        interleaved = mixer["head_offsets"] == "interleaved"
        if "branches" in mixer:
            here = [b for b in mixer["branches"] if not b["layers"] or layer in b["layers"]]
        else:
            pairs = zip(mixer["segment_lengths"], mixer["dilations"])
            here = [{"segment_length": w, "dilation": r, "heads": []} for w, r in pairs]
        self.branches = []
        for branch in here:
            rest = (branch["segment_length"], branch["dilation"], tokens, heads, interleaved)
            self.branches.append(SomeHeads(branch["heads"], *rest) if branch["heads"] else Branch(*rest))

    def __call__(self, q, k, v):
        """[N, H, D] each, and so is the result."""
        outs, sums = [], []
        for branch in self.branches:
            out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                branch.keep(q), branch.keep(k), branch.keep(v), 0.0, True
            )
            outs.append(branch.spread(out, 0.0))
            sums.append(branch.spread(lse.detach().float().unsqueeze(3), -1e8))
        if len(outs) == 1:
            return outs[0]
        with torch.no_grad():
            weights = torch.softmax(torch.stack(sums), 0).to(q.dtype)
        return sum(out * weight for out, weight in zip(outs, weights))


def dense(q, k, v):
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(0).transpose(0, 1)


def rotated(x, cos, sin):
    """[N, H, D] in pairs of neighbours, as complex numbers times cos + i sin [N, 1, D/2]."""
    if torch.compiler.is_compiling():
        a, b = x[..., ::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(2).to(x.dtype)
    pairs = torch.view_as_complex(x.float().unflatten(2, (-1, 2)))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(2).to(x.dtype)


class Positions(nn.Module):
    """xPos or RoPE as in docs/longnet.md, section 2; positions begin anew after `period`."""

    def __init__(self, model, period, tokens):
        super().__init__()
        size = model["hidden"] // model["heads"]
        turned = round(size * model.get("positions_share", 1))  # the first channels of a head; the others stay
        self.encoding = model["positions"]
        two_i = torch.arange(0, turned, 2, dtype=torch.float64)
        place = torch.arange(tokens, dtype=torch.float64) % (period or tokens)
        angle = torch.outer(place, model.get("positions_base", 10000) ** (-two_i / turned))
        decay = torch.ones_like(angle)
        if self.encoding == "xpos":
            zeta = (two_i + 0.4 * turned) / (1.4 * turned)
            centre = min(tokens, period or tokens) // 2
            decay = zeta ** ((place - centre)[:, None] / model["xpos_scale_base"])
        for name, value in (("q_cos", angle.cos() * decay), ("q_sin", angle.sin() * decay),
                            ("k_cos", angle.cos() / decay), ("k_sin", angle.sin() / decay)):
            value = F.pad(value, (0, (size - turned) // 2), value=float(name.endswith("cos")))
            self.register_buffer(name, value.float().unsqueeze(1), persistent=False)

    def forward(self, q, k):
        if self.encoding == "none":
            return q, k
        return rotated(q, self.q_cos, self.q_sin), rotated(k, self.k_cos, self.k_sin)


class Attention(nn.Module):
    def __init__(self, model, mixer, layer, tokens, shown):
        super().__init__()
        c, self.heads = model["hidden"], model["heads"]
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(c, c) for _ in range(4))
        self.taps = model.get("short_convolution", 0)
        if self.taps:
            self.q_conv, self.k_conv, self.v_conv = (
                nn.Conv1d(c, c, self.taps, groups=c, bias=False) for _ in range(3)
            )
        self.inner_attn_ln = nn.LayerNorm(c)
        self.nope_heads = model.get("nope_heads", 0)
        self.scaled = model.get("nope_scale", 0) > 0
        if self.scaled:
            period, longest = shown
            keys = (torch.arange(tokens, dtype=torch.float64) % period + 1).clamp(max=longest)
            factor = (keys + 1).log() / math.log(model["nope_scale"])
            self.register_buffer("nope_factor", factor.float().view(-1, 1, 1), persistent=False)
        self.attend = dense if mixer["type"] == "dense" else Dilated(mixer, layer, tokens, self.heads)

    def forward(self, x, positions):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        if self.taps:
            pairs = ((q, self.q_conv), (k, self.k_conv), (v, self.v_conv))
            q, k, v = (conv(F.pad(rows.t(), (self.taps - 1, 0))).t().contiguous() for rows, conv in pairs)
        q, k, v = (rows.unflatten(1, (self.heads, -1)) for rows in (q, k, v))
        free = self.nope_heads
        turned = positions(q[:, free:], k[:, free:])
        still = q[:, :free] * self.nope_factor.to(q.dtype) if self.scaled else q[:, :free], k[:, :free]
        q, k = (torch.cat(pair, 1) for pair in zip(still, turned)) if free else turned
        return self.out_proj(self.inner_attn_ln(self.attend(q, k, v).flatten(1)))


class FeedForward(nn.Module):
    def __init__(self, c, f, activation):
        super().__init__()
        self.activation = {"gelu": F.gelu, "relu": F.relu, "swish": F.silu}[activation]
        self.fc1, self.fc2, self.ffn_layernorm = nn.Linear(c, f), nn.Linear(f, c), nn.LayerNorm(f)

    def forward(self, x):
        return self.fc2(self.ffn_layernorm(self.activation(self.fc1(x))))


class Layer(nn.Module):
    def __init__(self, model, mixer, layer, tokens, shown):
        super().__init__()
        c = model["hidden"]
        self.self_attn, self.ffn = Attention(model, mixer, layer, tokens, shown), FeedForward(c, model["feed_forward"], model.get("activation", "gelu"))
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(c), nn.LayerNorm(c)

    def forward(self, x, positions):
        x = x + self.self_attn(self.self_attn_layer_norm(x), positions)
        return x + self.ffn(self.final_layer_norm(x))


class Decoder(nn.Module):
    """Its modules have torchscale's names, which are the file's."""

    def __init__(self, config, tokens):
        super().__init__()
        model, mixers, periods = config["model"], config["mixers"], config["periods"]
        c, v = model["hidden"], model["vocabulary"]
        self.embed_tokens = nn.Embedding(v, c)
        self.layers = nn.ModuleList(
            Layer(model, mixers[i % len(mixers)], i, tokens, config["tokens_shown"][i]) for i in range(model["layers"])
        )
        self.layer_norm = nn.LayerNorm(c)
        if not model["tied_output"]:
            self.output_projection = nn.Linear(c, v, bias=False)
        self.positions = nn.ModuleList(Positions(model, period, tokens) for period in periods)
        self.chunks = -(-tokens * v // MOST_LOGITS)

    def forward(self, tokens):
        """Mean loss in nats of tokens [N+1]."""
        x = self.embed_tokens(tokens[:-1])
        for i, layer in enumerate(self.layers):
            x = layer(x, self.positions[i % len(self.positions)])
        x, targets = self.layer_norm(x), tokens[1:]
        if self.chunks == 1:
            return self.loss(x, targets) / len(targets)
        pairs = zip(x.chunk(self.chunks), targets.chunk(self.chunks))
        return sum(checkpoint(self.loss, a, b, use_reentrant=False) for a, b in pairs) / len(targets)

    def loss(self, x, targets):
        tied = not hasattr(self, "output_projection")
        logits = F.linear(x, self.embed_tokens.weight if tied else self.output_projection.weight)
        return F.cross_entropy(logits.float(), targets, reduction="sum")


class Side:
    def __init__(self, path):
        self.config, tensors = read(path)
        if self.config["threads"]:
            torch.set_num_threads(self.config["threads"])
        self.tokens = tensors.pop("tokens")[0].clone()
        self.model = Decoder(self.config, len(self.tokens) - 1)
        self.model.load_state_dict(tensors, strict=True)
        self.variants = {"eager": self.model, "compiled": torch.compile(self.model)}
        given = self.config["optimizer"]
        decaying = [p for p in self.model.parameters() if p.dim() == 2]
        others = [p for p in self.model.parameters() if p.dim() != 2]
        rule = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[given["rule"]]
        groups = [{"params": decaying, "weight_decay": given["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = rule(
            groups, lr=given["learning_rate"], betas=(given["beta1"], given["beta2"]), eps=given["epsilon"], fused=True
        )

    def versions(self):
        return {"python": platform.python_version(), "torch": torch.__version__, "threads": torch.get_num_threads()}

    def loss(self, variant):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config["precision"] == "bf16"):
            return self.variants[variant](self.tokens)

    def check(self, variant):
        return {"loss": self.loss(variant).item()}

    def steps(self, variant, count):
        seconds, losses = [], []
        for _ in range(int(count)):
            began = time.perf_counter()
            loss = self.loss(variant)
            loss.backward()
            if self.config["gradient_clip"] > 0:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.config["gradient_clip"])
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(loss.item())
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "losses": losses}


def main():
    # What compilers print does not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content):
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    side = Side(sys.argv[1])
    answer(side.versions())
    for line in sys.stdin:
        request, *arguments = line.split()
        try:
            answer({"check": side.check, "steps": side.steps}[request](*arguments))
        except Exception as e:
            answer({"error": f"{type(e).__name__}: {e}"})


if __name__ == "__main__":
    main()
