# Makes nested.parquet, lz4.parquet and gzip.parquet beside it: python make.py (pyarrow 26)
import pyarrow as pa
import pyarrow.parquet as pq

PLAIN = {"write_statistics": False, "store_schema": False}
deep = pa.struct([("b", pa.struct([("c", pa.string()), ("d", pa.int64())]))])
nested = pa.table({
    "meta": pa.array([{"text": "wrong", "n": i} for i in range(3)]),
    "a": pa.array([{"b": {"c": "deep one", "d": 1}}, {"b": None}, None], deep),
    "a.b.c": pa.array(["dotted one", "dotted two", None]),
    "messages": pa.array([{"content": "first", "role": "user"}, {"content": "second", "role": "user"}, None]),
    "turns": pa.array([[{"content": "x", "role": "user"}], [], None]),
    "text": pa.array(["one text", "another text é", None]),
})
pq.write_table(nested, "nested.parquet", compression="none", **PLAIN)
for codec in ["lz4", "gzip"]:
    rows = {"text": ["hello world é " * 3, "second row"], "name": ["a", "b"]}
    pq.write_table(pa.table(rows), codec + ".parquet", compression=codec, **PLAIN)
