#!/bin/sh
# A Python with PyTorch: $PYTHON, or the first of the usual ones that has it.
# Prints its name; where there is none tells how to get one, exit status 77.
for python in ${PYTHON:-python3 /usr/bin/python3}; do
    "$python" -c 'import torch' 2>/dev/null && echo "$python" && exit 0
done
echo "skipped: no Python with PyTorch found. Debian: apt-get install" \
    "python3-torch; elsewhere: pip install torch. Name another by" \
    "PYTHON=/path/to/python3." >&2
exit 77
