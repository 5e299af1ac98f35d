"""An example of harmonia.py: harmonizes a composite.

    python3 example.py image.png mask.png output.png [CHECKPOINT.h5]
"""
import sys

import numpy
from PIL import Image

import harmonia

image = numpy.asarray(Image.open(sys.argv[1]).convert("RGB"))
mask = numpy.asarray(Image.open(sys.argv[2]).convert("L"))
with harmonia.Network(sys.argv[4] if len(sys.argv) > 4 else None) as network:
    Image.fromarray(network.apply(image, mask)).save(sys.argv[3])
for line in harmonia.warnings():
    print(line, file=sys.stderr)
