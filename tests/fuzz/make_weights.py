#!/usr/bin/env python3
"""make_weights.py PROGRAM FOLDER: files of weights, as PyTorch and safetensors
write them and as they must be refused, which tests/checkpoint_weights.c,
tests/torch_files.sh and fuzzing begin from (needs PyTorch 2 and safetensors:
python3 -m venv V && V/bin/pip install torch safetensors). What must be refused
is named bad-*."""
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict

import torch
from safetensors.torch import load_file, save_file

program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
os.makedirs(folder, exist_ok=True)


def path(name):
    return f"{folder}/{name}"


def write(name, data):
    with open(path(name), "wb") as file:
        file.write(data)


def read(name):
    with open(path(name), "rb") as file:
        return file.read()


LEGACY = {"_use_new_zipfile_serialization": False}


# ---- small tensors of every kind

def small():
    """Each is 0, 1, 2, ... in the order of its elements, minus 2 where that can be."""
    count = torch.arange(6).reshape(2, 3)
    tensors = OrderedDict()
    for name, kind in (("f32", torch.float32), ("f64", torch.float64), ("f16", torch.float16),
                       ("bf16", torch.bfloat16), ("i64", torch.int64), ("i32", torch.int32),
                       ("i16", torch.int16), ("i8", torch.int8)):
        tensors[name] = (count - 2).to(kind)
    tensors["u8"] = count.to(torch.uint8)
    tensors["bool"] = (count % 2).to(torch.bool)
    tensors["scalar"] = torch.tensor(-2.0)
    tensors["empty"] = torch.zeros(0, 3)
    return tensors


def views():
    """Views of 0, 1, 2, ..., 11 in one storage."""
    base = torch.arange(12, dtype=torch.float32)
    return OrderedDict([
        ("whole", base), ("behind", base[4:8]), ("turned", base.reshape(3, 4).t()),
        ("every", base[1::3]), ("same", base[5:6].expand(3, 2)),
        ("parameter", torch.nn.Parameter(base.reshape(2, 2, 3).permute(2, 0, 1)))])


HALVES = [0.0, -0.0, 1.0, -65504.0, 2.0 ** -24, 2.0 ** -14, 1.0009765625, 0.333251953125]


def good():
    for name, how in (("small.pth", {}), ("small-legacy.pth", LEGACY),
                      ("small-protocol4.pth", {"pickle_protocol": 4})):
        torch.save(small(), path(name), **how)
    for name, how in (("views.pth", {}), ("views-legacy.pth", LEGACY)):
        torch.save(views(), path(name), **how)
    save_file(dict(small()), path("small.safetensors"), {"option.model": "unet", "note": "\u00e4"})
    torch.save({"half": torch.tensor(HALVES, dtype=torch.float16)}, path("halves.pt"))
    swap(read("small.pth"), "small-big-endian.pth")
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 2.0]]))
        model.bias.fill_(3)
    adam = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    state = OrderedDict(("module." + k, v.clone()) for k, v in model.state_dict().items())
    adam.step()
    torch.save({"epoch": 3, "loss": 0.5, "best": None, "names": ["a", ("b", True)],
                "state_dict": state, "optimizer": adam.state_dict()}, path("nested.pth"))
    torch.save({"netG": {"a": torch.ones(2)}, "netD": {"b": torch.zeros(3), "c": torch.ones(1)}},
               path("parts.pth"))
    # what PyTorch would read, too: packed by another program
    rezip(read("nested.pth"), "packed.pth", zipfile.ZIP_DEFLATED)


def entries(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(i.filename, archive.read(i)) for i in archive.infolist()]


def archive(name, files, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path(name), "w", method) as out:
        for file, data in files:
            out.writestr(zipfile.ZipInfo(file), data, method)


def rezip(data, name, method=zipfile.ZIP_STORED, change=lambda file, data: data):
    archive(name, [(f, change(f, d)) for f, d in entries(data)], method)


def swap(data, name):
    """As a machine writes it that is big endian: each storage by its width."""
    widths = [t.element_size() for t in small().values()]

    def change(file, data):
        if file.endswith("/byteorder"):
            return b"big"
        if "/data/" not in file:
            return data
        width = widths[int(file.rsplit("/", 1)[1])]
        return b"".join(data[i:i + width][::-1] for i in range(0, len(data), width))
    rezip(data, name, change=change)


# ---- a network of ours: iDIH as train --model idih --ngf 2 --size 64 has it

def network():
    with tempfile.TemporaryDirectory() as work:
        run = lambda *words: subprocess.run([program, *words], cwd=work, check=True,
                                            capture_output=True)
        run("synth", "d.h5", "--size", "64", "--train", "8", "--test", "2")
        run("train", "--data", "d.h5", "--out", "run", "--model", "idih", "--ngf", "2", "--steps",
            "1", "--batch", "4", "--micro-batch", "2", "--report-samples", "0")
        run("export", "run/checkpoints/step-00000001.h5", "o.safetensors")
        state = load_file(f"{work}/o.safetensors")
    torch.manual_seed(1)
    for name, tensor in state.items():
        if tensor.is_floating_point():  # what all types hold
            state[name] = torch.randint(-16, 17, tensor.shape) / 64
            if name.endswith("running_var"):
                state[name] = state[name].abs() + 1
    torch.save(OrderedDict(state), path("idih.pth"))
    to = lambda kind: OrderedDict(
        (k, v.to(kind) if v.is_floating_point() else v) for k, v in state.items())
    save_file(dict(to(torch.bfloat16)), path("idih.safetensors"))
    nested = OrderedDict(("module." + k, torch.nn.Parameter(v, False) if v.is_floating_point()
                          else v) for k, v in to(torch.float16).items())
    torch.save({"state_dict": nested, "epoch": 2}, path("idih-legacy.pth"), **LEGACY)


# ---- what must be refused

class Runs:
    """Whose unpickling runs a command: `touch canary`."""
    def __reduce__(self):
        return os.system, ("touch canary",)


class Evaluates:
    def __reduce__(self):
        return eval, ("open('canary', 'w')",)


class Plain:
    pass


MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


def legacy(body, keys=b"\x80\x02].", rest=b""):
    return MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + body \
        + keys + rest


def zipped(name, body, *files):
    archive(name, [("archive/data.pkl", body), ("archive/version", b"3\n"), *files])


def bad_pickles():
    for name, value in (("os-system", Runs()), ("eval", Evaluates()), ("class", Plain())):
        for protocol in 2, 4:
            body = pickle.dumps({"a": value}, protocol)
            zipped(f"bad-{name}-{protocol}.pth", body)
            write(f"bad-{name}-{protocol}-legacy.pth", legacy(body))
    # protocol 0 and what else there is of instructions
    zipped("bad-inst.pth", b"\x80\x02(X\x0c\x00\x00\x00touch canaryios\nsystem\n.")
    zipped("bad-protocol0.pth", pickle.dumps({"a": Runs()}, 0))
    zipped("bad-obj.pth", b"\x80\x02(cos\nsystem\nX\x0c\x00\x00\x00touch canaryo.")
    zipped("bad-ext.pth", b"\x80\x02\x82\x01.")
    zipped("bad-persid.pth", b"\x80\x02Pkey\n.")
    zipped("bad-build.pth", b"\x80\x02ctorch\nFloatStorage\n}b.")
    zipped("bad-call.pth", b"\x80\x02ctorch\nFloatStorage\n)R.")
    zipped("bad-memo.pth", b"\x80\x02}r\xff\xff\xff\xff.")
    zipped("bad-unset-memo.pth", b"\x80\x02h\x05.")
    zipped("bad-stack.pth", b"\x80\x02\x87.")
    zipped("bad-mark.pth", b"\x80\x02u.")
    zipped("bad-odd.pth", b"\x80\x02}(K\x01u.")
    zipped("bad-text.pth", b"\x80\x02X\xff\xff\xff\x7fabc.")
    zipped("bad-end.pth", b"\x80\x02}")
    zipped("bad-long.pth", b"\x80\x02\x8a\x09" + b"\1" * 9 + b".")
    zipped("bad-circle.pth", b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.")
    zipped("bad-deep.pth", b"\x80\x02)" + b"\x85" * 20000 + b".")
    zipped("bad-nothing.pth", pickle.dumps({"a": 1}, 2))
    deep = value = {}
    for _ in range(40):
        value["a"] = value = {}
    zipped("bad-deep-dicts.pth", pickle.dumps(deep, 2))


def tensor_pickle(count, shape, stride, first=0, key="0", name="a", kind="FloatStorage"):
    """One tensor, whatever it claims."""
    number = lambda n: b"J" + struct.pack("<i", n) if abs(n) < 1 << 31 else \
        b"\x8a\x08" + struct.pack("<q", n)
    text = lambda t: b"X" + struct.pack("<I", len(t)) + t.encode()
    several = lambda ns: b"(" + b"".join(number(n) for n in ns) + b"t"
    return (b"\x80\x02}" + text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
            + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + number(count) + b"tQ"
            + number(first) + several(shape) + several(stride) + b"\x89ccollections\nOrderedDict\n"
            + b")RtRs.")


def bad_sizes():
    four = ("archive/data/0", bytes(16))
    huge = 1 << 62
    for name, body in (
            ("storage", tensor_pickle(5, [4], [1])), ("storage-huge", tensor_pickle(huge, [4], [1])),
            ("outside", tensor_pickle(4, [5], [1])), ("offset", tensor_pickle(4, [2], [1], 3)),
            ("offset-huge", tensor_pickle(4, [2], [1], huge)), ("stride", tensor_pickle(4, [2], [4])),
            ("stride-huge", tensor_pickle(4, [3, 3], [huge, huge])),
            ("shape-huge", tensor_pickle(4, [huge, huge], [0, 0])),
            ("negative", tensor_pickle(4, [2], [-1], 3)), ("negative-shape", tensor_pickle(4, [-2], [1])),
            ("rank", tensor_pickle(4, [1] * 5, [1] * 5)), ("ranks", tensor_pickle(4, [1, 2], [1])),
            ("key", tensor_pickle(4, [4], [1], key="../0")),
            ("name", tensor_pickle(4, [4], [1], name="")),
            ("long-name", tensor_pickle(4, [4], [1], name="n" * 256)),
            ("kind", tensor_pickle(4, [4], [1], kind="ComplexFloatStorage"))):
        zipped(f"bad-{name}.pth", body, four)
    twice = tensor_pickle(4, [4], [1])
    zipped("bad-twice.pth", twice[:-1] + twice[3:], four)
    claims = struct.pack("<q", 1 << 60)
    keys = pickle.dumps(["0"], 2)
    write("bad-legacy-huge.pth", legacy(tensor_pickle(4, [4], [1]), keys, claims + bytes(16)))
    write("bad-legacy-short.pth", legacy(tensor_pickle(4, [4], [1]), keys,
                                         struct.pack("<q", 3) + bytes(12)))
    write("bad-legacy-keys.pth", legacy(tensor_pickle(4, [4], [1]), pickle.dumps(["0", "0"], 2),
                                        (struct.pack("<q", 4) + bytes(16)) * 2))
    write("bad-legacy-other.pth", legacy(tensor_pickle(4, [4], [1]), pickle.dumps(["1"], 2),
                                         struct.pack("<q", 4) + bytes(16)))
    write("bad-legacy-cut.pth", read("small-legacy.pth")[:-9])


def bad_archives():
    body = tensor_pickle(4, [4], [1])
    one = ("archive/data/0", bytes(range(16)))
    torch.save({"a": torch._neg_view(torch.ones(2))}, path("bad-negated.pth"))
    zipped("bad-none.pth", body)
    archive("bad-no-pickle.pth", [one])
    archive("bad-two-pickles.pth", [("a/data.pkl", body), ("b/data.pkl", body), one])
    zipped("plain.pth", body, one)
    data = read("plain.pth")
    write("bad-cut.pth", data[:len(data) // 2])
    write("bad-checksum.pth", data.replace(bytes(range(16)), bytes(range(1, 17))))
    # the list's sizes are not those of the entry; then of both, beyond the file
    at = data.rindex(b"PK\1\2", 0, data.rindex(b"archive/data/0"))
    lie = struct.pack("<II", 1 << 20, 1 << 20)
    write("bad-lie.pth", data[:at + 20] + lie + data[at + 28:])
    local = data.rindex(b"PK\3\4", 0, data.index(b"archive/data/0"))
    write("bad-beyond.pth", data[:local + 18] + lie + data[local + 26:at + 20] + lie
          + data[at + 28:])
    # two names of the same entry: names are compared with the entry's own
    clone = data[at:data.index(b"PK\5\6")]
    end = data.index(b"PK\5\6")
    more = lambda extra: (data[:end] + extra + data[end:end + 8]
                          + struct.pack("<HHI", 4, 4, end - data.index(b"PK\1\2") + len(extra))
                          + data[end + 16:])
    write("bad-same-name.pth", more(clone))
    write("bad-overlap.pth", more(clone.replace(b"data/0", b"data/1")))
    zipped("bad-bomb-stored.pth", tensor_pickle(1 << 20, [4], [1]), one)
    with zipfile.ZipFile(path("bad-bomb.pth"), "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", tensor_pickle(1 << 20, [4], [1]))
        out.writestr("archive/data/0", bytes(4 << 20))
    with zipfile.ZipFile(path("bad-bomb-pickle.pth"), "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", b"\x80\x02" + b"N" * (20 << 20))
    archive("bad-order.pth", [("archive/data.pkl", body), ("archive/byteorder", b"middle"), one])


def tensors(header, data=bytes(16)):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def bad_safetensors():
    about = lambda begin, end, shape, dtype="F32": {
        "dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    for name, header in (
            ("overlap", {"a": about(0, 12, [3]), "b": about(8, 16, [2])}),
            ("same", {"a": about(0, 16, [4]), "b": about(0, 16, [4])}),
            ("outside", {"a": about(8, 24, [4])}),
            ("huge", {"a": about(0, 1 << 62, [1 << 60])}),
            ("too-huge", {"a": about(0, 1 << 70, [1 << 68])}),
            ("backwards", {"a": about(16, 0, [4])}),
            ("negative", {"a": about(-16, 0, [4])}),
            ("shape", {"a": about(0, 16, [5])}), ("overflow", {"a": about(0, 16, [1 << 62, 8])}),
            ("rank", {"a": about(0, 4, [1] * 5)}), ("type", {"a": about(0, 4, [4], "F8_E4M3")}),
            ("no-type", {"a": {"shape": [4], "data_offsets": [0, 16]}}),
            ("no-shape", {"a": {"dtype": "F32", "data_offsets": [0, 16]}}),
            ("no-place", {"a": {"dtype": "F32", "shape": [4]}}), ("list", {"a": [1]}),
            ("metadata", {"__metadata__": {"a": 1}, "a": about(0, 16, [4])}),
            ("long-name", {"n" * 256: about(0, 16, [4])}), ("name", {"": about(0, 16, [4])})):
        write(f"bad-{name}.safetensors", tensors(header))
    one = json.dumps(about(0, 16, [4]))
    write("bad-duplicate.safetensors", tensors(('{"a":%s,"a":%s}' % (one, one)).encode()))
    write("bad-json.safetensors", tensors(b'{"a":'))
    write("bad-deep.safetensors", tensors(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"))
    write("bad-zero.safetensors", tensors(('{"a\\u0000b":%s}' % one).encode()))
    write("bad-utf8.safetensors", tensors(b'{"\xff":' + one.encode() + b"}"))
    write("bad-length.safetensors", struct.pack("<Q", 1 << 60) + b"{}" + bytes(16))
    write("bad-cut.safetensors", read("small.safetensors")[:-4])


for part in good, network, bad_pickles, bad_sizes, bad_archives, bad_safetensors:
    part()
