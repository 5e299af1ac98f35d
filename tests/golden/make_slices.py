#!/usr/bin/python3
"""Makes the small golden records of the U-Net for the default test run.

    make_slices.py GOLDEN_FOLDER [OUT_FOLDER]

From GOLDEN_FOLDER's dovenet_instance.h5 and dovenet_batch.h5 it takes the
generator: its weights, inputs and outputs, in the layout of those files, so
that tests/parity reads both. Outputs become strided samples. What lies on a
grid is stored as integers and read back exactly: images and masks as bytes (an
image's value is (byte/255 - 0.5)/0.5 in float32), weights as multiples of the
attribute `scale`.
"""
import os
import sys

import h5py
import numpy as np

SAMPLE = 4096
PACKED = {"compression": "gzip", "compression_opts": 9, "shuffle": True}


def as_bytes(values):
    """The bytes an image or mask was made of, or None if it was not."""
    if np.all((values == 0) | (values == 1)):
        return values.astype(np.uint8)
    images = np.rint((values.astype(np.float64) * 0.5 + 0.5) * 255)
    images = images.astype(np.uint8)
    back = (images.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    return images if np.array_equal(back, values) else None


def put_weight(out, name, source, grid):
    values = source[()]
    steps = np.rint(values / grid)
    exact = values.size > 1000 and np.array_equal(
        (steps * grid).astype(np.float32), values)
    if exact and np.abs(steps).max() < 32768:
        out.create_dataset(name, data=steps.astype(np.int16), **PACKED)
        out[name].attrs["scale"] = float(grid)
    elif values.size > 1000:
        out.create_dataset(name, data=values, **PACKED)
    else:
        out.create_dataset(name, data=values)


def put_sample(out, name, source):
    values = source[()].ravel()
    stride = max(1, values.size // SAMPLE)
    sample = values[::stride][:SAMPLE]
    out.create_dataset(name, data=sample, **PACKED)
    attributes = out[name].attrs
    attributes["numel"] = values.size
    attributes["stride"] = stride
    wide = values.astype(np.float64)
    attributes["l2"] = float(np.sqrt(np.sum(wide * wide)))
    attributes["linf"] = float(np.max(np.abs(wide)))
    attributes["sum"] = float(np.sum(wide))


def copy(source, out, name):
    out.require_group(name.rsplit("/", 1)[0])
    source.copy(name, out[name.rsplit("/", 1)[0]])


def slice_file(source, out, inputs):
    for key, value in source.attrs.items():
        out.attrs[key] = value
    grid = source.attrs["weight_grid"]
    for name in source["weights/G"]:
        put_weight(out, "weights/G/" + name, source["weights/G/" + name], grid)
    for name in inputs:
        data = as_bytes(source["input/" + name][()])
        if data is None:
            sys.exit("%s: input/%s is no 8-bit image" % (source.filename, name))
        out.create_dataset("input/" + name, data=data, **PACKED)
    for name in ("forward/output", "eval/output"):
        put_sample(out, name, source[name])
    for name in ("float64/output", "float64/eval_output"):
        copy(source, out, name)
    out.require_group("spread")
    for key, value in source["spread"].attrs.items():
        out["spread"].attrs[key] = value
    if "real" in inputs:
        for name in ("losses/G_L1", "float64/losses/G_L1",
                     "spread/losses/step0/G_L1"):
            copy(source, out, name)
    for name in source["after/G"]:
        if "running_" in name or "num_batches" in name:
            copy(source, out, "after/G/" + name)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = sys.argv[1]
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(
        os.path.abspath(__file__))
    # Without `real` the batch of two stays as small as the other record.
    for name, out_name, inputs in (
            ("dovenet_instance.h5", "unet_instance.h5", ("comp", "mask", "real")),
            ("dovenet_batch.h5", "unet_batch.h5", ("comp", "mask"))):
        path = os.path.join(target, out_name)
        with h5py.File(os.path.join(folder, name), "r") as source, \
                h5py.File(path, "w", libver="earliest") as out:
            slice_file(source, out, inputs)
        print("%s: %d bytes" % (path, os.path.getsize(path)))


if __name__ == "__main__":
    main()
