# How fairseq-args.pt, fairseq-cfg.pt and fairseq-eval.pt of this folder were made (PyTorch 2.15,
# omegaconf 2.4): python make-fairseq.py. The tensors are a golden decoder's, the settings have the
# names and the types of what torchscale's fairseq recipe saves.
import argparse, collections, dataclasses, typing
import numpy, torch
from omegaconf import OmegaConf
from safetensors import safe_open

with safe_open("../golden/torchscale/decoder_no_xpos.safetensors", "pt") as f:
    tensors = {n: f.get_tensor(n) for n in f.keys() if n.startswith("model.")}
    arguments = __import__("json").loads(f.metadata()["config"])
state = collections.OrderedDict((n.replace("model.", "decoder.", 1), t.half()) for n, t in tensors.items())
state["decoder.version"] = torch.tensor([3.0])
settings = dict(
    arguments, arch="lm_base", task="language_modeling", lr=[6e-4], adam_betas="(0.9, 0.98)", tokens_per_sample=128,
    no_token_positional_embeddings=True, no_scale_embedding=True, decoder_output_dim=64, max_rel_pos=None,
    relu_dropout=0.0, offload_activations=False)
settings.pop("vocab_size")
extra = {"epoch": 3, "val_loss": numpy.float64(2.5), "metrics": collections.OrderedDict(
    default=[(0, "loss", "AverageMeter", {"val": torch.tensor(2.5), "round": 3})])}
torch.save({"args": argparse.Namespace(**settings), "model": state, "extra_state": extra,
            "last_optimizer_state": {"state": {0: {"exp_avg": torch.ones(2)}}}}, "fairseq-args.pt")

@dataclasses.dataclass
class LanguageConfig:
    decoder_layers: int = 2
    opt: typing.Optional[int] = None
    betas: typing.List[float] = dataclasses.field(default_factory=lambda: [0.9, 0.98])
    table: typing.Dict[str, int] = dataclasses.field(default_factory=dict)

cfg = OmegaConf.create({"common": {"fp16": True}, "model": OmegaConf.structured(LanguageConfig)})
OmegaConf.set_struct(cfg.model, False)
cfg.model = OmegaConf.unsafe_merge({k: v for k, v in settings.items()}, {"betas": cfg.model.betas})
cfg.structured = OmegaConf.structured(LanguageConfig)
torch.save({"args": None, "cfg": cfg, "model": state, "extra_state": extra}, "fairseq-cfg.pt")


class Hostile:
    def __reduce__(self):
        return eval, ("1",)


torch.save({"args": argparse.Namespace(arch="x", hook=Hostile()), "model": {}}, "fairseq-eval.pt")
