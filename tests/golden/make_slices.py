#!/usr/bin/python3
"""Makes the small golden records of whole training steps for the default test run.

    make_slices.py GOLDEN_FOLDER [OUT_FOLDER]

From each record of GOLDEN_FOLDER it takes weights, inputs, losses of all steps
and samples of everything else, in the layout of those files, so that
tests/parity reads both. What lies on a grid is stored as integers and read
back exactly: images and masks as bytes (an image's value is
(byte/255 - 0.5)/0.5 in float32), weights as multiples of the attribute
`scale`.
"""
import os
import sys

import h5py
import numpy as np

SAMPLE = 4096  # of outputs
GRADIENT_SAMPLE = 128
STATE_SAMPLE = 512
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


def put_sample(out, name, source, count=SAMPLE):
    """A strided sample of a tensor, or a thinner one of a sample."""
    if "stride" in source.attrs or source.size <= count:
        thin(out, name, source, count)
        return
    values = source[()].ravel()
    stride = max(1, values.size // count)
    sample = values[::stride][:count]
    packed = PACKED if sample.size > 1024 else {}
    out.create_dataset(name, data=sample, **packed)
    attributes = out[name].attrs
    for key, value in source.attrs.items():
        attributes[key] = value
    attributes["numel"] = values.size
    attributes["stride"] = stride
    wide = values.astype(np.float64)
    attributes["l2"] = float(np.sqrt(np.sum(wide * wide)))
    attributes["linf"] = float(np.max(np.abs(wide)))
    attributes["sum"] = float(np.sum(wide))


def thin(out, name, source, count):
    step = max(1, source.size // count) if source.size > 0 else 1
    values = source[()]
    if "stride" in source.attrs and step > 1:
        values = values[::step][:count]
    out.create_dataset(name, data=values)
    for key, value in source.attrs.items():
        out[name].attrs[key] = value
    if "stride" in source.attrs:
        out[name].attrs["stride"] = source.attrs["stride"] * step


def copy(source, out, name):
    parent = name.rsplit("/", 1)[0] if "/" in name else "/"
    source.copy(name, out.require_group(parent), name.rsplit("/", 1)[-1])


def copy_all(source, out, group):
    """A group as it is."""
    if group in source:
        copy(source, out, group)


def sample_all(source, out, group, count):
    """Every dataset below a group, sampled."""
    if group not in source:
        return
    found = []
    source[group].visititems(
        lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in found:
        put_sample(out, group + "/" + name, source[group + "/" + name], count)


def copy_spread(source, out, group):
    out.require_group(group)
    for key, value in source[group].attrs.items():
        out[group].attrs[key] = value
    copy_all(source, out, group + "/losses")


def copy_variant(source, out, group):
    """Losses of four steps, gradients and the state after the first step."""
    for name in ("losses", "steps", "float64/losses", "float64/steps",
                 "float64/grads"):
        copy_all(source, out, group + name)
    copy_spread(source, out, group + "spread")
    for network in "GDE":
        sample_all(source, out, group + "grads/" + network, GRADIENT_SAMPLE)
        sample_all(source, out, group + "after/" + network, STATE_SAMPLE)


def grid_of(source, network):
    return source.attrs.get("weight_grid_" + network, source.attrs.get("weight_grid"))


def slice_weights(source, out):
    for network in source["weights"]:
        for name in source["weights/" + network]:
            name = "weights/%s/%s" % (network, name)
            put_weight(out, name, source[name], grid_of(source, network))


def slice_file(source, out, with_variants):
    for key, value in source.attrs.items():
        out.attrs[key] = value
    for name in source["input"]:
        if name.startswith("alpha"):
            copy(source, out, "input/" + name)
            continue
        data = as_bytes(source["input/" + name][()])
        if data is None:
            sys.exit("%s: input/%s is no 8-bit image" % (source.filename, name))
        out.create_dataset("input/" + name, data=data, **PACKED)
    for name in ("forward/output", "eval/output"):
        if name in source:
            put_sample(out, name, source[name])
    for name in ("float64/output", "float64/eval_output", "float64/style",
                 "float64/gp", "gp/value", "forward/style", "eval/style",
                 "eval/harmony"):
        copy_all(source, out, name)
    sample_all(source, out, "gp/grads_D", GRADIENT_SAMPLE)
    for group in with_variants:
        copy_variant(source, out, group)


def copy_packed(source, out, group):
    """Every dataset below a group, whole and compressed."""
    found = []
    source[group].visititems(
        lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in found:
        name = group + "/" + name
        item = source[name]
        packed = PACKED if item.size > 1024 else {}
        out.create_dataset(name, data=item[()], **packed)
        for key, value in item.attrs.items():
            out[name].attrs[key] = value


def slice_colours(source, out):
    """What parity_colours.c compares."""
    for key, value in source.attrs.items():
        out.attrs[key] = value
    for group in ("input", "weights/G", "float64"):
        copy_packed(source, out, group)
    copy_all(source, out, "spread")
    sample_all(source, out, "after/G", STATE_SAMPLE)


def slice_operations(source, out):
    """All but the large case of an operation that has another one."""
    for group in source:
        if group != "bicubic_up":
            copy_packed(source, out, group)
            for key, value in source[group].attrs.items():
                out[group].attrs[key] = value


def create(folder, name):
    return h5py.File(os.path.join(folder, name), "w", libver=("v108", "v108"))


def tell(folder, name):
    print("%s: %d bytes" % (name, os.path.getsize(os.path.join(folder, name))))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = sys.argv[1]
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(
        os.path.abspath(__file__))
    for name, variants in (("dovenet_instance", ("",)),
                           ("dovenet_batch", ("",)),
                           ("dovenet_ganmodes", ("lsgan/", "vanilla/")),
                           ("bargainnet", ("", "elementwise/"))):
        # In a file of their own, so that no file is large.
        weights = name + "_weights.h5"
        with h5py.File(os.path.join(folder, name + ".h5"), "r") as source:
            with create(target, weights) as out:
                slice_weights(source, out)
            with create(target, name + ".h5") as out:
                out["weights"] = h5py.ExternalLink(weights, "/weights")
                slice_file(source, out, variants)
        tell(target, weights)
        tell(target, name + ".h5")
    for name, slice_record in (("idih", slice_colours), ("pct", slice_colours),
                               ("harmonizer_ops", slice_operations)):
        with h5py.File(os.path.join(folder, name + ".h5"), "r") as source:
            with create(target, name + ".h5") as out:
                slice_record(source, out)
        tell(target, name + ".h5")


if __name__ == "__main__":
    main()
