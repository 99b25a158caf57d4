# How the files of this folder were made: python make.py (tokenizers 0.21.0, sentencepiece 0.2.3 for T5's charsmap).
# Nothing in the build runs it. Small vocabularies, the pipelines of the tokenizers they are named after;
# golden.json holds what Hugging Face's library says about them.
import base64, hashlib, json, os, re, tempfile
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as spm
from tokenizers import Tokenizer, Regex, normalizers as N, pre_tokenizers as P, decoders as D, models as M, trainers as T

HERE = os.path.dirname(os.path.abspath(__file__))
S, U = "\u2581", "\ue000"

WORDS = ("the of and to in is was for that on as with his he it by from they at be this have not but were are when there can an "
         "your which their said if do will each about how up out them then she many some so these would other into has more her two "
         "like him see time could no make than first been its who now people my made over did down only way find use may water long "
         "little very after words called just where most know").split()
TRAIN = [" ".join(WORDS[(i * 7 + j * j) % len(WORDS)] for j in range(12)) + ".\n" for i in range(400)]
TRAIN += ["def f(x):\n    if x > %d:\n        return x[%d] + \"%d\"\n\n" % (i, i * 3, i * i) for i in range(120)]
TRAIN += ["You don't know what it's about, can't you? %d. I'm sure we've seen them; they'll come!\n" % i for i in range(60)]
TRAIN += ["你好世界 %d 人工智能的研究正在改变 %d 个领域。\n" % (i, i * i) for i in range(60)]
TRAIN += ["Łódź, naïve café, Ünïcode: straße ÉTÉ %d\n" % i for i in range(60)]
TRAIN += ["Привет, мир %d! 日本語のテキスト。\n" % i for i in range(40)]

TEXTS = ["", " ", "a", "Hello world", " Hello world", "Hello  world", "  two  spaces  ", "a\nb", "a\n\nb\n", "\n", "\ta\tb  c\n  d\n",
         "They don't know; it's about time, isn't it? We've \"seen\" 'them' !", "def f(x):\n    return x[12345] + \"7\"\n",
         "你好世界 1 人工智能的研究正在改变 1 个领域。", "。\n中文", "naïve café", "nai\u0308ve cafe\u0301 A\u030a", "ÉTÉ straße ŁÓDŹ", "🙂 ok 🙂🙂 👩‍👩‍👧",
         "Привет, мир! 日本語のテキスト。", "ＦＵＬＬ　ｗｉｄｔｈ ① ﬁ", "a\u00a0b\u2003c\u200bd", "x" * 40 + " " + "=" * 30 + "----", "\u0001\u007f", "مرحبا بالعالم",
         "one.two,three;four:five(six)[seven]{eight}", "\u2581a \u2581 b\u2581c", "<0xE4> is <0x0A>", "\r\nwindows\r\n\r\nlines\r\n", "ＡＢ c",
         "zebra quux 12 123 1234 12345", "trailing space ", "Ångström ångström", "각 \u1100\u1161\u11a8"]
MARKED = ["Old price <s>12 euro</s> now 9 euro, </s> is a tag.", "</s>", "a <|endoftext|> b", "<unk><pad>", "[SEP] [CLS] [UNK]", "x</s>y <extra_id_0>", " </s> "]
# The same rule is in the test: enough text for several pieces.
LONG = ""
i = 0
while len(LONG) < 60000:
    LONG += TEXTS[(i * 7 + i // 31) % len(TEXTS)] + ["\n", " ", "", "\n\n", " \n", ". "][(i * 5 + i // 11) % 6]
    i += 1

def charsmap():
    with tempfile.TemporaryDirectory() as d:
        rules = [("Ａ", "A"), ("Ｂ", "B"), ("ＦＵ", "FU"), ("ﬁ", "fi"), ("①", "1"), ("\n", " "), ("\t", " "), ("\u00a0", " "), ("\u3000", " "),
                 ("\u200b", " "), ("\u0001", ""), ("e\u0301", "é"), ("A\u030a", "Å")]
        open(d + "/r.tsv", "w").write("".join(" ".join("%X" % ord(c) for c in a) + "\t" + " ".join("%X" % ord(c) for c in b) + "\n" for a, b in rules))
        open(d + "/t.txt", "w").write("".join(TRAIN))
        sentencepiece.SentencePieceTrainer.train(input=d + "/t.txt", model_prefix=d + "/m", vocab_size=400, normalization_rule_tsv=d + "/r.tsv",
                                                 hard_vocab_limit=False, minloglevel=2)
        m = spm.ModelProto(); m.ParseFromString(open(d + "/m.model", "rb").read())
        return m.normalizer_spec.precompiled_charsmap

BYTES = ["<0x%02X>" % b for b in range(256)]

def bpe_fallback(size, pre):
    """A SentencePiece-like BPE: control tokens, 256 bytes, pieces."""
    t = Tokenizer(M.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre
    t.train_from_iterator(TRAIN, T.BpeTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False,
                                              initial_alphabet=[S], limit_alphabet=110))
    j = json.loads(t.to_str())
    j["added_tokens"] = j["added_tokens"][:3]
    del_ = [k for k in j["model"]["vocab"] if k in ("\n", "\t")]  # as in Llama's vocabulary: bytes
    ids = sorted((v, k) for k, v in j["model"]["vocab"].items() if "\n" not in k)
    j["model"]["vocab"] = {k: n for n, (v, k) in enumerate(ids)}
    j["model"]["merges"] = [m for m in j["model"]["merges"] if not any("\n" in x for x in m)]
    return j

def added(tokens, start, special=True, **more):
    return [dict(id=start + n, content=c, single_word=False, lstrip=False, rstrip=False, normalized=False, special=special) | more
            for n, c in enumerate(tokens)]

LLAMA_DECODER = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": S}, "content": " "}, {"type": "ByteFallback"},
                                                 {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
files = {}

def byte_level(name, pre, normalizer=None, size=420, specials=("<|endoftext|>",), train_pre=None):
    t = Tokenizer(M.BPE())
    t.normalizer, t.pre_tokenizer, t.decoder = normalizer, pre, D.ByteLevel()
    t.train_from_iterator(TRAIN, T.BpeTrainer(vocab_size=size, special_tokens=list(specials), show_progress=False,
                                              initial_alphabet=P.ByteLevel.alphabet()))
    files[name] = json.loads(t.to_str())

byte_level("gpt2", P.ByteLevel(add_prefix_space=False))
byte_level("roberta", P.ByteLevel(add_prefix_space=True))
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
byte_level("qwen2", P.Sequence([P.Split(Regex(QWEN), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), N.NFC())
byte_level("neox", P.ByteLevel(add_prefix_space=False), N.NFC(), specials=("<|endoftext|>", "<|padding|>"))
n = len(files["neox"]["model"]["vocab"])
files["neox"]["added_tokens"] += added([" " * k for k in range(24, 1, -1)], n, special=False, normalized=True)
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
byte_level("llama3", P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), specials=())
files["llama3"]["model"]["ignore_merges"] = True
files["llama3"]["added_tokens"] = added(["<|begin_of_text|>", "<|end_of_text|>"], len(files["llama3"]["model"]["vocab"]))
DEEPSEEK = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
byte_level("deepseek", P.Sequence([P.Split(Regex(x), "isolated") for x in DEEPSEEK] + [P.ByteLevel(add_prefix_space=False, use_regex=False)]),
           specials=("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"))
byte_level("lower", P.ByteLevel(add_prefix_space=False), N.Lowercase())

files["llama"] = bpe_fallback(700, P.Metaspace(prepend_scheme="always"))
files["llama"] |= dict(pre_tokenizer=None, decoder=LLAMA_DECODER, normalizer={"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": S}, {"type": "Replace", "pattern": {"String": " "}, "content": S}]})
# Mistral since 0.3: no prefix but at the text's start.
files["mistral"] = json.loads(json.dumps(files["llama"])) | dict(
    normalizer=None, pre_tokenizer={"type": "Metaspace", "replacement": S, "prepend_scheme": "first", "split": False})
files["mistral-never"] = json.loads(json.dumps(files["llama"])) | dict(
    normalizer=None, pre_tokenizer={"type": "Metaspace", "replacement": S, "prepend_scheme": "never", "split": False},
    decoder={"type": "Sequence", "decoders": LLAMA_DECODER["decoders"][:3]})
# Pieces that have spaces inside, as Gemma's may.
files["gemma"] = bpe_fallback(760, P.Split(Regex("\n"), "isolated"))
spaced = {k.replace(" ", S): v for k, v in sorted(files["gemma"]["model"]["vocab"].items(), key=lambda e: e[1])}
by_id, vocab, merges = {v: k.replace(" ", S) for k, v in files["gemma"]["model"]["vocab"].items()}, {}, []
for v in sorted(by_id):
    vocab.setdefault(by_id[v], len(vocab))
for m in files["gemma"]["model"]["merges"]:
    p = [x.replace(" ", S) for x in m]
    if p not in merges and "".join(p) in vocab: merges.append(p)
files["gemma"]["model"] |= dict(vocab=vocab, merges=merges)
files["gemma"] |= dict(normalizer={"type": "Replace", "pattern": {"String": " "}, "content": S},
                       pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                       decoder={"type": "Sequence", "decoders": LLAMA_DECODER["decoders"][:3]})

def unigram(name, normalizer, pre, decoder, size=420, **model):
    t = Tokenizer(M.Unigram())
    t.normalizer, t.pre_tokenizer, t.decoder = normalizer, pre, decoder
    t.train_from_iterator(TRAIN, T.UnigramTrainer(vocab_size=size, special_tokens=["<pad>", "</s>", "<unk>", "<extra_id_0>"], unk_token="<unk>",
                                                  show_progress=False, initial_alphabet=[S]))
    files[name] = json.loads(t.to_str())
    files[name]["model"] |= model

MAP = charsmap()
unigram("t5", N.Sequence([N.Precompiled(MAP), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace(prepend_scheme="always"), D.Metaspace(prepend_scheme="always"))
unigram("xlmr", N.Precompiled(MAP), P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="always")]), D.Metaspace(prepend_scheme="always"))
unigram("unigram-whole", None, P.Metaspace(prepend_scheme="first", split=False), D.Metaspace(prepend_scheme="first"))
alphabet = len(files["unigram-whole"]["model"]["vocab"])
unigram("unigram-bytes", None, P.Metaspace(prepend_scheme="always"), D.Sequence([D.ByteFallback(), D.Metaspace(prepend_scheme="always")]))
files["unigram-bytes"]["model"]["byte_fallback"] = True
files["unigram-bytes"]["model"]["vocab"] = [v for v in files["unigram-bytes"]["model"]["vocab"] if v[0] != "\n"] + [[b, -20.0] for b in BYTES]

def words(name, normalizer, decoder):
    t = Tokenizer(M.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer, t.decoder = normalizer, P.BertPreTokenizer(), decoder
    t.train_from_iterator(TRAIN, T.WordPieceTrainer(vocab_size=420, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False,
                                                    limit_alphabet=110))
    files[name] = json.loads(t.to_str())

words("bert", N.BertNormalizer(lowercase=True), D.WordPiece())
words("bert-cased", N.BertNormalizer(lowercase=False, strip_accents=False), D.WordPiece(cleanup=False))

t = Tokenizer(M.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
t.normalizer = N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()])
t.pre_tokenizer, t.decoder = P.Sequence([P.Whitespace()]), D.BPEDecoder(suffix="</w>")
t.train_from_iterator(TRAIN, T.BpeTrainer(vocab_size=420, special_tokens=["<|endoftext|>"], end_of_word_suffix="</w>", show_progress=False))
files["clip"] = json.loads(t.to_str())

t = Tokenizer(M.WordLevel(unk_token="<unk>"))
t.normalizer, t.pre_tokenizer = N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]), P.WhitespaceSplit()
t.train_from_iterator(TRAIN, T.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>", "</s>"], show_progress=False))
files["wordlevel"] = json.loads(t.to_str())

def plain(j):
    """The same tokenizer without special tokens: what looks like one is ordinary text."""
    j = json.loads(json.dumps(j))
    special = {a["content"]: a["id"] for a in j["added_tokens"] if a["special"]}
    j["added_tokens"] = [a for a in j["added_tokens"] if not a["special"]]
    j["post_processor"] = None
    m = j["model"]
    name = lambda s: U + "special" + str(special[s]) + U if s in special else s
    if m["type"] == "Unigram":
        m["vocab"] = [[name(p), s] for p, s in m["vocab"]]
    else:
        m["vocab"] = {name(k): v for k, v in m["vocab"].items()}
        if m.get("unk_token") in special: m["unk_token"] = name(m["unk_token"])
    return j

def byte_counts(whole, bare, text, e):
    """Bytes of the text for each id. Where the ids give the text back: what each adds to it. Elsewhere from the library's offsets;
    ids within one character: a byte each, the last of them the rest."""
    is_byte = [bool(re.fullmatch(r"<0x[0-9A-F]{2}>", tok)) for tok in e.tokens]
    if whole.decode(e.ids, skip_special_tokens=True) == text:
        if whole.decoder.__class__.__name__ == "ByteLevel":  # each character of a token is a byte
            return [len(tok.encode()) if " " in tok else len(tok) for tok in e.tokens]
        counts = []
        for k, tok in enumerate(e.tokens):
            counts.append(1 if is_byte[k] else len(whole.decode(e.ids[:k + 1], skip_special_tokens=True).encode()) - sum(counts))
        return counts
    at = [0]
    for c in text: at.append(at[-1] + len(c.encode()))
    counts, done = [], 0
    for k, (a, b) in enumerate(e.offsets):
        shared = k + 1 < len(e.offsets) and e.offsets[k + 1][1] == b and b > 0 and is_byte[k] and is_byte[k + 1] and done + 1 < at[b]
        end = max(done, done + 1 if shared else at[b])
        counts.append(end - done); done = end
    return counts

golden = {}
for name, j in files.items():
    text = json.dumps(j, ensure_ascii=True, separators=(",", ":"))
    open(os.path.join(HERE, name + ".json"), "w").write(text + "\n")
    whole, bare = Tokenizer.from_str(text), Tokenizer.from_str(json.dumps(plain(j)))
    specials = [a["content"] for a in j["added_tokens"] if a["special"]]
    cases = []
    for x in TEXTS + MARKED:
        e = bare.encode(x, add_special_tokens=False)
        if not any(s in x for s in specials):
            assert e.ids == whole.encode(x, add_special_tokens=False).ids, (name, x)
        cases.append(dict(text=x, ids=e.ids, decoded=whole.decode(e.ids, skip_special_tokens=True), bytes=byte_counts(whole, bare, x, e)))
    e = bare.encode(LONG, add_special_tokens=False)
    golden[name] = dict(cases=cases, long=dict(
        ids=len(e.ids), sha256=hashlib.sha256(b"".join(i.to_bytes(4, "little") for i in e.ids)).hexdigest(),
        decoded=hashlib.sha256(whole.decode(e.ids, skip_special_tokens=True).encode()).hexdigest()))
    print(name, len(text), len(j["model"]["vocab"]), golden[name]["long"]["ids"])
json.dump(golden, open(os.path.join(HERE, "golden.json"), "w"), ensure_ascii=True, indent=0)
