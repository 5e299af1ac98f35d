"""harmonia pack against a Python loop of Pillow and h5py that does the same, in
turn; then the time from the start of harmonia train to its first step on a
packed file of 42,000 images.

    pack.py HARMONIA [--images N] [--rounds N] [--size P] [--start N]

Images of COCO's size (640 x 480, JPEG) are drawn from noise."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy
from PIL import Image


def draw(folder, count):
    """A folder of HCOCO's layout: three composites of each real image."""
    source = numpy.random.default_rng(1)
    for name in ("composite_images", "masks", "real_images"):
        os.makedirs(os.path.join(folder, name))
    names = []
    for i in range(count):
        real, mask = f"c{i // 3}", f"c{i // 3}_{i % 3}"
        small = source.integers(0, 256, (24, 32, 3), dtype=numpy.uint8)
        image = numpy.asarray(Image.fromarray(small).resize((640, 480)))
        image = (image * 0.95 + source.integers(0, 8, image.shape)).astype(
            numpy.uint8)
        if i % 3 == 0:
            Image.fromarray(image).save(f"{folder}/real_images/{real}.jpg",
                                        quality=92)
        shape = numpy.zeros((480, 640), numpy.uint8)
        shape[100:300, 150 + i % 100:400] = 255
        Image.fromarray(shape).save(f"{folder}/masks/{mask}.png")
        image[shape > 0] //= 2
        names.append(f"{mask}_1.jpg")
        Image.fromarray(image).save(f"{folder}/composite_images/{names[-1]}",
                                    quality=92)
    for split, part in (("train", names[:-2]), ("test", names[-2:])):
        with open(f"{folder}/HCOCO_{split}.txt", "w") as out:
            out.write("".join(f"{name}\n" for name in part))
    return names


def python_loop(folder, names, out, size):
    """Composites, each mask and each real image once; chunk, deflate, checksum
    as harmonia's."""
    reals = sorted({n.split("_")[0] for n in names})
    masks = sorted({n.rsplit("_", 1)[0] for n in names})
    how = dict(dtype="u1", compression="gzip", compression_opts=3,
               fletcher32=True)
    with h5py.File(out, "w") as file:
        for name, files, shape in (
                ("composites", [f"composite_images/{n}" for n in names], (3,)),
                ("reals", [f"real_images/{r}.jpg" for r in reals], (3,)),
                ("masks", [f"masks/{m}.png" for m in masks], ())):
            data = file.create_dataset(name, (len(files), size, size, *shape),
                                       chunks=(1, size, size, *shape), **how)
            for i, path in enumerate(files):
                image = Image.open(f"{folder}/{path}")
                image = image.convert("RGB" if shape else "1")
                image = image.resize((size, size), Image.BILINEAR)
                data[i] = numpy.asarray(image, dtype=numpy.uint8)


def compare_packing(options, folder):
    names = draw(f"{folder}/HCOCO", options.images)
    times = {"pack": [], "pack --threads 1": [], "python": []}
    for number in range(options.rounds):
        for kind, more in (("pack", []),
                           ("pack --threads 1", ["--threads", "1"])):
            out = f"{folder}/{len(times[kind])}-{len(more)}.h5"
            start = time.perf_counter()
            subprocess.run([options.harmonia, "pack", f"{folder}/HCOCO", out,
                            "--size", str(options.size), *more], check=True,
                           stderr=subprocess.DEVNULL)
            times[kind].append(time.perf_counter() - start)
            os.remove(out)
        start = time.perf_counter()
        python_loop(f"{folder}/HCOCO", names, f"{folder}/p.h5", options.size)
        times["python"].append(time.perf_counter() - start)
    slow = statistics.median(times["python"])
    print(f"{options.images} composites to {options.size} pixels, medians of "
          f"{options.rounds}:")
    for kind, values in times.items():
        middle = statistics.median(values)
        print(f"  {kind:<18} {options.images / middle:8.1f} images/s   "
              f"{slow / middle:5.2f} times the Python loop")


def first_step(options, folder):
    """From the start of the process to the first row of log.csv, and what of it
    was the step."""
    data = f"{folder}/many.h5"
    subprocess.run([options.harmonia, "synth", data, "--size", "64", "--train",
                    str(options.start), "--test", "10"], check=True,
                   stderr=subprocess.DEVNULL)
    starts = []
    for number in range(options.rounds):
        out = f"{folder}/run-{number}"
        begin = time.perf_counter()
        process = subprocess.Popen(
            [options.harmonia, "train", "--data", data, "--out", out, "--batch",
             "1", "--steps", "2", "--log-every", "1", "--report-samples", "0"],
            stderr=subprocess.DEVNULL)
        row = None
        while row is None and process.poll() is None:
            time.sleep(0.005)
            try:
                with open(f"{out}/log.csv") as log:
                    lines = log.read().split("\n")
                row = lines[1] if len(lines) > 2 else None
            except OSError:
                pass
        seconds = time.perf_counter() - begin
        process.wait()
        if row is None:
            sys.exit("harmonia train logged no step")
        starts.append((seconds, float(row.split(",")[-1])))
    seconds, step = sorted(starts)[len(starts) // 2]
    print(f"harmonia train on {options.start} images of 64 pixels: first step "
          f"done {seconds:.2f} s after the start of the process, {step:.2f} s "
          "of it the step")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("harmonia")
    parser.add_argument("--images", type=int, default=360)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--start", type=int, default=42000)
    options = parser.parse_args()
    os.environ.pop("OPENBLAS_CORETYPE", None)
    with tempfile.TemporaryDirectory() as folder:
        compare_packing(options, folder)
        if options.start > 0:
            first_step(options, folder)


if __name__ == "__main__":
    main()
