"""The field's metrics of the composites of an HCOCO folder, by Pillow and NumPy
alone, compared with what `harmonia eval --method composite --csv` wrote.

    eval_numpy.py FOLDER SPLIT SIZE as-is|gt|masked pred|target-max|255 CSV

SIZE 0: images keep their own.

Prints the largest difference; exit status 1 if it is above 1e-3.
"""
import csv
import math
import os
import sys

import numpy as np
from PIL import Image


def smooth(image):
    """Gaussian window of 11, sigma 1.5; outside of the image is zero."""
    window = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window /= window.sum()
    for axis in (0, 1):
        image = np.apply_along_axis(np.convolve, axis, image, window, "same")
    return image


def ssim_map(x, y):
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = smooth(x), smooth(y)
    vx, vy = smooth(x * x) - mx * mx, smooth(y * y) - my * my
    cov = smooth(x * y) - mx * my
    return ((2 * mx * my + c1) * (2 * cov + c2)) / (
        (mx * mx + my * my + c1) * (vx + vy + c2)
    )


def read(path, size):
    image = Image.open(path).convert("RGB")
    if size > 0:
        image = image.resize((size, size), Image.BILINEAR)
    return np.asarray(image, dtype=np.float64)


def read_mask(path, size):
    grey = np.asarray(Image.open(path).convert("L"))
    binary = Image.fromarray(np.where(grey >= 128, 255, 0).astype(np.uint8))
    if size > 0:
        binary = binary.resize((size, size), Image.NEAREST)
    return np.asarray(binary) >= 128


def score(folder, name, size, background, peak_of):
    stem = os.path.splitext(name)[0]
    mask_stem = stem.rsplit("_", 1)[0]
    real_stem = mask_stem.rsplit("_", 1)[0]
    output = read(os.path.join(folder, "composite_images", name), size)
    real = read(os.path.join(folder, "real_images", real_stem + ".jpg"), size)
    mask = read_mask(os.path.join(folder, "masks", mask_stem + ".png"), size)
    inside = mask[:, :, None]
    pasted = np.where(inside, output, real)
    squares = (output - real) ** 2
    counted = squares if background == "as-is" else squares * inside
    shown = pasted if background == "gt" else output
    peak = {
        "pred": shown.max() - shown.min(),
        "target-max": real.max(),
        "255": 255.0,
    }[peak_of]
    mse = counted.mean()
    similarity = ssim_map(output if background == "as-is" else pasted, real)
    return {
        "share": mask.mean(),
        "mse": mse,
        "psnr": 10 * math.log10(peak**2 / mse),
        "psnr255": 10 * math.log10(255.0**2 / mse),
        "fmse": (squares * inside).sum() / (3 * mask.sum()),
        "ssim": similarity.mean(),
        "fssim": similarity[mask].mean(),
    }


def averages(scores):
    row = {}
    bins = {
        "": scores,
        "_0-5": [s for s in scores if s["share"] <= 0.05],
        "_5-15": [s for s in scores if 0.05 < s["share"] <= 0.15],
        "_15-100": [s for s in scores if s["share"] > 0.15],
    }
    for suffix, members in bins.items():
        row["images" + suffix] = len(members)
        for key in ("mse", "psnr", "fmse", "ssim", "psnr255", "fssim"):
            row[key + "_images" + suffix] = len(members)
            if members:
                row[key + suffix] = sum(s[key] for s in members) / len(members)
    row["worse"] = 0.0  # the composite is as good as itself
    return row


def main():
    folder, split, size, background, peak_of, path = sys.argv[1:]
    with open(os.path.join(folder, "HCOCO_%s.txt" % split)) as lines:
        names = [os.path.basename(line.strip()) for line in lines if line.strip()]
    want = averages(
        [score(folder, name, int(size), background, peak_of) for name in names]
    )
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "composite"]
    if len(rows) != 1:
        sys.exit("%s: %d rows of composite" % (path, len(rows)))
    largest, compared = 0.0, 0
    for column, text in rows[0].items():
        if column == "method" or text == "":
            continue
        if column not in want:
            sys.exit("%s: column %s was not expected" % (path, column))
        difference = abs(float(text) - want[column])
        compared += 1
        if not difference <= 1e-3:
            print("%s: %s, NumPy says %.9g" % (column, text, want[column]))
        largest = max(largest, difference if difference == difference else 1e9)
    print("%d columns, largest difference %.3g" % (compared, largest))
    bins = [k for k in want if k.startswith("images_") and want[k] > 0]
    print("images: %d, bins that are not empty: %s" % (len(names), bins))
    sys.exit(0 if largest <= 1e-3 and compared >= 8 else 1)


main()
