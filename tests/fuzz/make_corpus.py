#!/usr/bin/python3
"""make_corpus.py PROGRAM FOLDER: the inputs that fuzzing starts from (needs
Pillow, NumPy and h5py). What must be refused is named bad-*. Inputs that once
failed, FOLDER/*/bad-found-*, are not made here and stay."""
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import h5py
import numpy as np
from PIL import Image

program, folder = sys.argv[1:3]


def path(target, name):
    os.makedirs(f"{folder}/{target}", exist_ok=True)
    return f"{folder}/{target}/{name}"


def write(target, name, data):
    with open(path(target, name), "wb") as file:
        file.write(data)


y, x = np.mgrid[0:9, 0:11]
rgb = np.stack([x * 20, y * 25, (x + y) * 10], 2).astype(np.uint8)
picture = Image.fromarray(rgb)
alpha = Image.fromarray(np.dstack([rgb, (x * 23).astype(np.uint8)]))


def exif(order, orientation):
    """A TIFF header, one IFD with orientation and density, in an order."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = [(0x112, 3, 1, struct.pack(order + "HH", orientation, 0)),
               (0x11a, 5, 1, struct.pack(order + "I", 62)),
               (0x128, 3, 1, struct.pack(order + "HH", 2, 0)),
               (0x8769, 4, 1, struct.pack(order + "I", 70))]
    ifd = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        ifd += struct.pack(order + "HHI", tag, kind, count) + value
    ifd += struct.pack(order + "I", 0)
    assert 8 + len(ifd) == 62
    return (mark + struct.pack(order + "I", 8) + ifd
            + struct.pack(order + "II", 72, 1) + struct.pack(order + "HI", 0, 0))


def profile(length):
    """What begins like an ICC profile."""
    head = struct.pack(">I4sI4s4s4s", length, b"none", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    return (head + b"\0" * 12 + b"acsp").ljust(length, b"p")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, colour, rows, extra=b"", interlace=0, split=0):
    data = zlib.compress(rows, 0)
    parts = [data] if not split else [data[i:i + split] for i in range(0, len(data), split)]
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))
            + extra + b"".join(chunk(b"IDAT", p) for p in parts) + chunk(b"IEND", b""))


def pngs():
    rows = b"".join(bytes([i % 5]) + rgb[i].tobytes() for i in range(9))
    for order, name in (("<", "little"), (">", "big")):
        write("png", f"exif-{name}.png",
              png(11, 9, 8, 2, rows, chunk(b"eXIf", exif(order, 6))))
    write("png", "profile.png", png(11, 9, 8, 2, rows, chunk(
        b"iCCP", b"name\0\0" + zlib.compress(profile(300))), split=40))
    write("png", "chunks.png", png(11, 9, 8, 2, rows, chunk(b"gAMA", struct.pack(">I", 45455))
          + chunk(b"cHRM", struct.pack(">8I", *range(31270, 31278))) + chunk(b"sRGB", b"\0")
          + chunk(b"sBIT", b"\5\6\5") + chunk(b"bKGD", b"\0\1\0\2\0\3")
          + chunk(b"tRNS", b"\0\0\0\0\0\0") + chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1))
          + chunk(b"tEXt", b"Comment\0text") + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"text"))
          + chunk(b"iTXt", b"b\0\0\0en\0b\0text") + chunk(b"tIME", b"\7\xea\1\1\1\1\1")))
    write("png", "deep.png", png(4, 3, 16, 2, (b"\0" + bytes(range(24))) * 3))
    write("png", "deep-alpha.png", png(4, 3, 16, 6, (b"\1" + bytes(range(32))) * 3))
    write("png", "deep-grey.png", png(4, 3, 16, 0, (b"\2" + bytes(range(8))) * 3))
    for bits in 1, 2, 4, 8:
        width = (11 * bits + 7) // 8
        grey = (b"\0" + bytes((37 * i) & 255 for i in range(width))) * 5
        write("png", f"grey-{bits}.png", png(11, 5, bits, 0, grey, chunk(b"tRNS", b"\0\1")))
        colours = 1 << min(bits, 4)
        palette = (b"\0" + bytes(i % colours if bits == 8 else 0x1b for i in range(width))) * 5
        write("png", f"palette-{bits}.png", png(11, 5, bits, 3, palette, chunk(
            b"PLTE", bytes(3 * colours)) + chunk(b"tRNS", bytes(range(colours)))))
    alpha.save(path("png", "alpha.png"))
    alpha.convert("LA").save(path("png", "grey-alpha.png"))
    # Adam7 of 3 x 3: passes 1, 5 (one row), 6 and 7
    passes = [(1, 1), (2, 1), (1, 1), (1, 2), (3, 1)]
    for colour, channels in ((0, 1), (2, 3)):
        data = b"".join((b"\0" + bytes(range(w * channels))) * h for w, h in
                        [(1, 1), (1, 1), (2, 1), (1, 2), (3, 1)])
        write("png", f"interlaced-{channels}.png", png(3, 3, 8, colour, data, interlace=1))
    write("png", "bad-empty.png", b"")
    write("png", "bad-large.png", png(1 << 20, 1 << 20, 8, 2, rows))


def jpegs():
    for order, name in (("<", "little"), (">", "big")):
        picture.save(path("jpeg", f"exif-{name}.jpg"), exif=b"Exif\0\0" + exif(order, 8))
    picture.save(path("jpeg", "profile.jpg"), icc_profile=profile(300), quality=95)
    base = open(path("jpeg", "profile.jpg"), "rb").read()
    data = profile(300)
    parts = b"".join(b"\xff\xe2" + struct.pack(">H", 16 + len(p)) + b"ICC_PROFILE\0"
                     + bytes([i + 1, 3]) + p
                     for i, p in enumerate([data[:100], data[100:200], data[200:]]))
    plain = base.replace(b"\xff\xe2" + struct.pack(">H", 316) + b"ICC_PROFILE\0\1\1" + data, b"")
    assert len(plain) < len(base)
    write("jpeg", "profile-parts.jpg", plain[:2] + parts + plain[2:])
    both = b"\xff\xe1" + struct.pack(">H", 8 + len(exif("<", 3))) + b"Exif\0\0" + exif("<", 3)
    write("jpeg", "all.jpg", plain[:2] + both + parts + b"\xff\xfe\0\7text!" + plain[2:])
    picture.save(path("jpeg", "progressive.jpg"), progressive=True)
    picture.save(path("jpeg", "full-chroma.jpg"), subsampling=0, restart_marker_blocks=1)
    picture.convert("L").save(path("jpeg", "grey.jpg"))
    picture.convert("CMYK").save(path("jpeg", "cmyk.jpg"))
    write("jpeg", "bad-cut.jpg", plain[:-20])
    write("jpeg", "bad-start.jpg", b"\xff\xd8\xff")


def texts():
    names = [b"c1_1_1.jpg", b"c2_1_1.jpg", b"a_b_2_3.JPG"]
    write("list", "plain", b"\n".join(names) + b"\n")
    write("list", "windows", b"\xef\xbb\xbf" + b"\r\n".join(names) + b" \r\n\r\n")
    write("list", "folders", b"composite_images/" + names[0] + b"\nHCOCO/composite_images/"
          + names[1] + b"\n")
    write("list", "bad-twice", names[0] + b"\n" + names[0])
    write("list", "bad-backslash", b"composite_images\\" + names[0] + b"\n")
    write("list", "bad-empty", b"")
    head = b"name\tsplit\tcategory\tscene\n"
    rows = b"a1\ttrain\tcat\ts1\na2\ttrain\tcat\ts2\nb3\ttest\tdog\ts3\nb4\tvalidation\tdog\t\n"
    write("index", "plain", head + rows)
    write("index", "windows", b"\xef\xbb\xbf" + (head + rows).replace(b"\n", b"\r\n"))
    write("index", "columns", b"id\tscene\tcategory\tsplit\tname\n1\ts\tc\ttrain\tx\n2\ts\tc\ttrain\ty")
    write("index", "bad-head", head)
    write("index", "bad-empty", b"")
    write("hosts", "plain", b"# hosts\n\nnode01 slots=2\nnode02 slots = 4 # four\nlocalhost\n")
    write("hosts", "windows", b"\xef\xbb\xbfnode01 slots=2\r\nnode02 slots=1\r\n")
    write("hosts", "kinds", b"::1 slots=1 max_slots=2\nuser@node-3.example.org\n10.0.0.1 slots=08\n")
    write("hosts", "bad-attack", b"$(touch canary) slots=1\n-oProxyCommand=x\n../../canary\n;touch canary;\n")
    write("options", "all", b"--data\nd.h5\n--out=run\n--model\ndovenet\n--steps\n12\n--lr\n1e-4\n"
          b"--resume\n--flip=no\n--micro-batch\nauto\n--memory=2.5")
    write("options", "bad-ends", b"--batch\n4\n--\n--data")
    write("options", "bad-wrong", b"--lr\nnan\n--steps\n-1\n--norm\nnone")
    write("options", "help", b"-h")


def run(*words):
    subprocess.run([program, *words], check=True, stderr=subprocess.DEVNULL)


def sets():
    run("synth", path("set", "small.h5"), "--size", "32", "--train", "2", "--test", "1")
    run("synth", path("set", "three-splits.h5"), "--size", "32", "--train", "1", "--test", "1",
        "--validation", "1")
    for name in "small.h5", "three-splits.h5":
        with h5py.File(path("set", name), "r") as file:
            old = h5py.File(path("set", "old-" + name), "w")  # without checksums
            for key, value in file.attrs.items():
                old.attrs[key] = value
            for key in file:
                file.copy(key, old)
            old.close()
    claims()


def claims():
    """A data set whose pictures are said to be large, and are not there."""
    with h5py.File(path("set", "bad-claims.h5"), "w") as file, h5py.File(path("set", "small.h5")) as small:
        for key, value in small.attrs.items():
            file.attrs[key] = value
        file.attrs["size"] = np.uint64(16384)
        small.copy("index", file)
        for name in "reals", "masks", "composites":
            shape = (small[name].shape[0], 16384, 16384) + small[name].shape[3:]
            file.create_dataset(name, shape, "u1", chunks=(1, 64, 64) + shape[3:])


def digest(file):
    """The sum that checkpoint/digest.c makes of texts and arrays."""
    most = 2**64 - 1

    def item(kind, name, what):
        name = zlib.crc32(name.encode() + b"\0")
        x = kind + (name << 32 | zlib.crc32(what.encode() + b"\0", name))
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & most
        x = (x ^ x >> 27) * 0x94D049BB133111EB & most
        return x ^ x >> 31

    total = sum(item(1, key, value.decode()) for key, value in file["state"].attrs.items())
    arrays = []
    file.visititems(lambda n, o: arrays.append((n, o)) if isinstance(o, h5py.Dataset) else None)
    for name, array in arrays:
        kind = {"float32": 0, "float64": 1, "int64": 2}[array.dtype.name]
        shape = "".join(f" {n}" for n in array.shape)
        total += item(2, name, f"{kind} {array.ndim}{shape} {array.attrs['crc32']:08x}")
    return f"{total & most:016x}"


def checkpoints():
    with tempfile.TemporaryDirectory() as place:
        run("synth", f"{place}/d.h5", "--size", "64", "--train", "2", "--test", "1")
        run("train", "--data", f"{place}/d.h5", "--out", f"{place}/run", "--ngf", "1", "--batch",
            "1", "--steps", "1", "--threads", "1", "--report-samples", "0")
        with h5py.File(f"{place}/run/checkpoints/step-00000001.h5") as whole:
            for name, version in (("new.h5", "latest"), ("old.h5", "earliest")):
                small = h5py.File(path("checkpoint", name), "w", libver=version)
                for key, value in whole.attrs.items():
                    small.attrs[key] = value
                whole.copy("state", small)
                wanted = []
                whole.visititems(lambda n, o: wanted.append(n)
                                 if isinstance(o, h5py.Dataset) and o.size < 40 else None)
                for key in wanted[:4]:
                    whole.copy(key, small.require_group(key.rpartition("/")[0] or "/"))
                small.attrs.modify("digest", np.bytes_(digest(small)))
                small.close()
            with h5py.File(path("checkpoint", "bad-claims.h5"), "w") as file:
                for key, value in whole.attrs.items():
                    file.attrs[key] = value
                whole.copy("state", file)
                claims = file.create_dataset("G/w", (1 << 40,), "f4", chunks=(1 << 20,))
                claims.attrs["crc32"] = np.uint32(0)
                file.attrs.modify("digest", np.bytes_(digest(file)))


def weights():
    shapes = [(3, 2), (2, 2), (2, 4)]
    for version in "latest", "earliest":
        with h5py.File(path("vgg", f"keras-{version}.h5"), "w", libver=version) as file:
            for i, (c_in, c_out) in enumerate(shapes):
                name = f"block{i // 2 + 1}_conv{i % 2 + 1}"
                group = file.create_group(name)
                group.create_dataset(f"{name}/kernel:0", data=np.ones((3, 3, c_in, c_out), "f4"))
                group.create_dataset(f"{name}/bias:0", data=np.ones(c_out, "f4"))
                names = [f"{name}/kernel:0", f"{name}/bias:0"]
                group.attrs["weight_names"] = names if i == 1 else np.array(names, "S")
        with h5py.File(path("vgg", f"torchvision-{version}.h5"), "w", libver=version) as file:
            for i, (c_in, c_out) in zip((0, 2, 5), shapes):
                file.create_dataset(f"features.{i}.weight", data=np.ones((c_out, c_in, 3, 3), "f8"),
                                    chunks=True, compression="gzip" if i else None)
                file[f"features.{i}.bias"] = np.ones(c_out, "f4")


def ppms():
    write("ppm", "plain.ppm", b"P6\n11 9\n255\n" + rgb.tobytes())
    write("ppm", "comments.pgm", b"P5 # grey\n11 9 # of a camera\n1023\n" + bytes(198))
    write("ppm", "bad-short.ppm", b"P6 99 99 255\n" + rgb.tobytes())


def tables():
    write("csv", "log", b"step,loss,psnr\n1,0.5,20.25\n2,,nan\n3,1e-3\n4,0.25,21,7\n5,0.1")
    write("csv", "windows", b"\xef\xbb\xbfstep,loss\r\n1,2\r\n")
    write("csv", "bad-empty", b"")


def model():
    """Nine forests of two trees: one that asks, one that answers."""
    arrays = struct.pack("<3I4i4f4I", 0, 3, 4, 0, -1, -1, -1, 0.5, 0, 0, 0, 2, 0, 1, 1)
    part = zlib.compress(arrays)
    forest = struct.pack("<dIII", 0.25, 2, 4, len(part)) + part
    rest = b"a" * 64 + b"\n" + struct.pack("<Q", 20) + 9 * forest
    write("xue", "small", b"harmonia xue model 1\n" + hashlib.sha256(rest).hexdigest().encode()
          + b"\n" + rest)


for part in pngs, jpegs, ppms, texts, tables, model, sets, checkpoints, weights:
    part()
