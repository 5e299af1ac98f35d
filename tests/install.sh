# What `make install` makes: program, library, Python module and documents that
# need nothing but what is installed; the source as one file; packages.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

is_sanitized && skip_all "a sanitized library wants sanitized programs"
# make TARGET...: of the build that is tested, and no part of a make around it.
cat >.make <<'SCRIPT'
#!/bin/sh
unset MAKEFLAGS MAKELEVEL MFLAGS
exec make -s -C "$HARMONIA_SOURCE" BUILD="$HARMONIA_BUILD" "$@"
SCRIPT
chmod +x .make
prefix=/opt/harmonia
root=$scratch/root
at=$root$prefix
python=/usr/bin/python3

run 120 ./.make install DESTDIR="$root" PREFIX=$prefix
exits 0 "make install"
missing=
for file in bin/harmonia lib/libharmonia.so lib/libharmonia.so.0 lib/libharmonia.a \
    lib/pkgconfig/harmonia.pc include/harmonia.h share/harmonia/network.h5 \
    share/harmonia/python/harmonia.py share/harmonia/slurm/train.sbatch \
    share/man/man1/harmonia-apply.1 share/bash-completion/completions/harmonia; do
    [ -s "$at/$file" ] || missing="$missing $file"
done
check "everything is there;$missing" test -z "$missing"
check "nothing beside it" test "$(ls "$root" "$root/opt" | tr -d '\n')" = \
    "$root:opt$root/opt:harmonia"
check "job scripts know where the program is" \
    grep -qF ": \"\${HARMONIA:=$prefix/bin/harmonia}\"" "$at/share/harmonia/slurm/train.sbatch"

# ---- the library -----------------------------------------------------------------

header=$at/include/harmonia.h
grep -o 'harmonia_[a-z_]*(' "$header" | tr -d '(' | grep -v '^harmonia_packed$' |
    sort -u >wanted
for library in "-D $at/lib/libharmonia.so" "$at/lib/libharmonia.a"; do
    # shellcheck disable=SC2086
    nm --defined-only --extern-only $library | sed -n 's/.* [A-Z] //p' | sort >found
    check "${library##*/} has the $(wc -l <wanted) functions of the header, and nothing else" \
        cmp wanted found
done
readelf -d "$at/lib/libharmonia.so" >dynamic
check "its name has the number of the ABI" grep -qF 'soname: [libharmonia.so.0]' dynamic
check "it needs no MPI" sh -c '! grep -qi mpi dynamic'
cp "$header" .
printf '#include "harmonia.h"\nint main() { return harmonia_error()[0]; }\n' >plus.cpp
if command -v g++ >/dev/null; then
    check "C++ takes the header" g++ -Wall -Wextra -Werror -fsyntax-only plus.cpp
else
    skip "no g++"
fi

# ---- programs that are built from what is installed alone ----------------------------

export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$at/lib/pkgconfig
cp "$at"/share/doc/harmonia/example.* .
# shellcheck disable=SC2046
check "the example in C" cc -Wall -Wextra -Werror -o example example.c \
    $(pkg-config --cflags --libs harmonia) -Wl,-rpath,"$at/lib"
unset PKG_CONFIG_SYSROOT_DIR
# The static library, with what it needs; not below DESTDIR, where those are not.
static=$(pkg-config --libs --static harmonia | sed "s|-L$prefix/lib -lharmonia|$at/lib/libharmonia.a|")
# shellcheck disable=SC2086
check "with the static library" cc -o example-static example.c -I"$at/include" $static
check "the module for Python has the number of the header" grep -q \
    "libharmonia.so.$(sed -n 's/^#define HARMONIA_ABI //p' "$header")\"" \
    "$at/share/harmonia/python/harmonia.py"
has_modules numpy,PIL || skip_rest="no NumPy and Pillow for $python"

if [ -z "${skip_rest:-}" ]; then
    picture image.png 300 200 rgb photo 2
    picture mask.png 300 200 grey soft
    $python - <<'SCRIPT'
from PIL import Image
Image.open("image.png").convert("RGB").save("image.ppm")
Image.open("mask.png").convert("L").save("mask.pgm")
SCRIPT
    # the kernels that OpenBLAS has chosen: the program may start anew with others
    export HARMONIA_BLAS_CORE=keep
    run 30 "$at/bin/harmonia" apply --image image.png --mask mask.png --output by-apply.png
    exits 0 "the installed program"
    says "network in the box, $at/.*share/harmonia/network.h5" "by the installed network"
    run 30 ./example image.ppm mask.pgm by-c.ppm
    exits 0 "the example in C runs"
    run 30 ./example-static image.ppm mask.pgm by-static.ppm
    exits 0 "and the static one"
    run 30 env PYTHONPATH="$at/share/harmonia/python" $python example.py \
        image.png mask.png by-python.png
    exits 0 "the example in Python"
    $python - >ppms <<'SCRIPT'
from PIL import Image
for name in "by-apply.png", "by-python.png":
    Image.open(name).save(name[:-3] + "ppm")
SCRIPT
    for by in c static python; do
        check "$by: the bytes of apply" cmp by-apply.ppm by-$by.ppm
    done

    # ---- the module ------------------------------------------------------------------

    small_set d.h5
    # shellcheck disable=SC2086
    run 60 "$HARMONIA" train --data d.h5 --out draws $small --steps 3
    # shellcheck disable=SC2086
    run 60 "$HARMONIA" train --data d.h5 --out scores $small --model bargainnet --nef 4 --steps 2
    draws=$(checkpoint draws 3) scores=$(checkpoint scores 2)
    run 30 "$HARMONIA" apply --checkpoint "$draws" --image image.png --mask mask.png \
        --output drawn.png
    "$HARMONIA" score --checkpoint "$scores" --image image.png --mask mask.png >score
    cat >module.py <<'SCRIPT'
import sys
import numpy as np
from PIL import Image
import harmonia

image, mask = np.asarray(Image.open("image.png")), np.asarray(Image.open("mask.png"))
def ok(good, what):
    print(("" if good else "not ") + "ok", "-", what)
with harmonia.Network() as network:
    want = np.asarray(Image.open("by-apply.png"))
    ok((network.apply(image, mask) == want).all(), "apply")
    turned = np.array(image.transpose(1, 0, 2)).transpose(1, 0, 2)
    numbers = network.change(turned[:, :, :], mask)
    ok((turned == want).all() and numbers.shape == (12,), "change of a turned array, 12 numbers")
    bgr = np.array(image[:, :, ::-1])
    network.change(bgr[:, :, ::-1], mask)
    ok((bgr[:, :, ::-1] == want).all(), "BGR")
    shares = network.apply(image.astype(np.float32) / 255, mask)
    ok(abs(255 * shares - want).max() < 0.6, "floats")
    hard = mask >= 128
    ok((network.apply(image, hard) == network.apply(image, hard * np.uint8(255))).all(), "bool")
    for what, text in [((image[:, :, 0], mask), "height, width, 3"),
                       ((image.astype(float), mask), "float64"),
                       ((image, mask[:9]), "9 pixels")]:
        try:
            network.apply(*what)
            ok(False, "refused: " + text)
        except harmonia.Error as error:
            ok(text in str(error), "refused: %s" % error)
with harmonia.Network(sys.argv[1]) as network:
    ok((network.apply(image, mask) == np.asarray(Image.open("drawn.png"))).all(),
       "a network that draws, and has %d numbers" % network.parameter_count)
with harmonia.Network(sys.argv[2], score=True) as network:
    ok(abs(network.score(image, mask) - float(open("score").read())) < 1e-6, "score")
SCRIPT
    run 30 env PYTHONPATH="$at/share/harmonia/python" $python module.py "$draws" "$scores"
    exits 0 "the module"
    check "all that it was asked is right" sh -c '
        cat "$1"; ! grep "^not ok" "$1" && test "$(grep -c "^ok" "$1")" -eq 10' - "$stdout"
else
    skip "$skip_rest"
fi

# ---- packages, and the source ----------------------------------------------------------

run 60 ./.make uninstall DESTDIR="$root" PREFIX=$prefix
check "uninstall leaves no file" test -z "$(find "$root" ! -type d)"

version=$("$HARMONIA" --version | sed -n 's/^harmonia //p')
if git -C "$HARMONIA_SOURCE" rev-parse HEAD >/dev/null 2>&1; then
    run 60 ./.make dist
    tar tzf "$HARMONIA_BUILD/harmonia-$version.tar.gz" >listed
    git -C "$HARMONIA_SOURCE" ls-tree -r --name-only HEAD |
        sed "s|^|harmonia-$version/|" | sort >wanted
    grep -v '/$' listed | sort >found
    check "make dist has all that is in the project" cmp wanted found
else
    skip "no git, or no repository: make dist"
fi
if command -v dpkg-shlibdeps >/dev/null; then
    run 120 ./.make deb
    exits 0 "make deb"
    deb=$(ls "$HARMONIA_BUILD"/harmonia_"$version"_*.deb)
    check "it names what it needs" sh -c 'dpkg-deb -f "$1" Depends | grep -q libopenblas' - "$deb"
    dpkg-deb -x "$deb" unpacked
    run 30 unpacked/usr/bin/harmonia --version
    exits 0 "its program runs"
    if [ -z "${skip_rest:-}" ]; then
        run 30 env PYTHONPATH="unpacked/usr/lib/python3/dist-packages" \
            HARMONIA_LIBRARY="$(echo unpacked/usr/lib/*/libharmonia.so.0)" \
            $python example.py image.png mask.png by-deb.png
        exits 0 "its module and its library"
        check "which have the bytes of apply" cmp by-python.png by-deb.png
    fi
else
    skip "no dpkg-dev: make deb"
fi
if command -v spack >/dev/null; then
    run 120 spack style --no-mypy "$HARMONIA_SOURCE/.packaging/spack/packages/harmonia/package.py"
    exits 0 "spack style"
else
    check "Spack's recipe is Python" "$python" -c 'import ast, sys
ast.parse(open(sys.argv[1]).read())' "$HARMONIA_SOURCE/.packaging/spack/packages/harmonia/package.py"
    skip "no spack: its own check of the recipe"
fi
if command -v apptainer >/dev/null && [ "$(id -u)" = 0 ]; then
    (cd "$HARMONIA_SOURCE" && run 600 apptainer build "$scratch/harmonia.sif" .packaging/apptainer.def)
    check "apptainer builds the container" test -s harmonia.sif
else
    skip "no apptainer, or not root: the container"
fi
finish
