# Weights of PyTorch and safetensors into checkpoints (harmonia import) and back
# (harmonia export). The files are of fuzz/make_weights.py, which PyTorch ran.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

files=$HARMONIA_SOURCE/tests/fuzz/corpus/weights
for file in idih.safetensors idih.pth; do
    run 30 "$HARMONIA" import "$files/$file" --out none.h5
    grep -q 'built without' "$stderr" && skip_all "built without minizip or jansson"
done
small_set d.h5 || exit 1
model="--model idih --ngf 2 --size 64"

# imports NEW.h5 FILE [OPTIONS]
imports() {
    new=$1
    shift
    rm -f "$new"
    run 30 "$HARMONIA" import "$@" --out "$new"
    exits 0 "import of $(basename "$1")"
}

# ---- into a checkpoint of --model

# shellcheck disable=SC2086
imports zip.h5 "$files/idih.pth" $model
run 30 h5dump -d /G/decoder.to_rgb.weight -m %g zip.h5
check "a value is PyTorch's" grep -q '(0,0,0,0): -0.15625' "$stdout"
# shellcheck disable=SC2086
imports legacy.h5 "$files/idih-legacy.pth" $model --weights-only
check "half precision in a state_dict of a module, before 1.6" \
    h5diff zip.h5 legacy.h5 /G /G
# shellcheck disable=SC2086
imports bfloat.h5 "$files/idih.safetensors" $model
check "bfloat16 in safetensors" h5diff zip.h5 bfloat.h5 /G /G
run 30 "$HARMONIA" info --verify zip.h5
check "info of what was imported" grep -Eqx 'option.ngf +2' "$stdout"
run 60 "$HARMONIA" eval --data d.h5 --checkpoint legacy.h5
exits 0 "eval of it"

# shellcheck disable=SC2086
imports trained.h5 "$files/idih.pth" $model --data d.h5 --batch 4 --micro-batch 2
says 'to train on from it' "with --data training may go on"
mkdir -p anew/checkpoints
cp trained.h5 "$(checkpoint anew 0)"
run 60 "$HARMONIA" train --data d.h5 --out anew --report-samples 0 --steps 1 --resume
exits 0 "which it does"

"$HARMONIA" synth other.h5 --size 64 --train 8 --test 2 --seed 5 2>/dev/null
imports other-data.h5 "$files/idih.pth" --like trained.h5 --data other.h5
run 30 "$HARMONIA" info other-data.h5
check "--data goes before that of --like" grep -Eqx 'data.name +other.h5' "$stdout"

run 30 "$HARMONIA" import "$files/idih.pth" --out none.h5
refused 2 "idih.pth does not tell .* --like .* --model" "neither --like nor --model"
# shellcheck disable=SC2086
run 30 "$HARMONIA" import "$files/idih.pth" --out none.h5 $model --ngf 4
refused 1 "'[a-z].*' has shape .*, expected" "a wider network"
run 30 "$HARMONIA" import "$files/idih.pth" --out none.h5 --model unet --ngf 2 --size 64
refused 1 "64 have no place" "another one"
says '^without a place: decoder.to_rgb.weight' "what is left over is listed"
# shellcheck disable=SC2086
run 30 "$HARMONIA" import "$files/parts.pth" --out none.h5 $model
refused 2 "netG .* netD .* --part" "two networks in a file"
# shellcheck disable=SC2086
run 30 "$HARMONIA" import "$files/parts.pth" --out none.h5 $model --part netD
says '^without a place: c' "one of them by --part"
run 30 "$HARMONIA" import d.h5 --part netD --out none.h5 --like zip.h5
refused 2 "d.h5 is an HDF5 file, which has no parts" "HDF5 has no parts"

# ---- what would do harm

for file in bad-os-system-2.pth bad-os-system-4-legacy.pth bad-eval-4.pth bad-inst.pth \
    bad-bomb.pth bad-overlap.pth bad-lie.pth bad-duplicate.safetensors; do
    run 10 "$HARMONIA" import "$files/$file" --out none.h5 --like zip.h5
    refused 1 "$file" "$file"
done
check "nothing was run" test ! -e canary
check "nothing was written" test ! -e none.h5

# ---- out of a checkpoint, and back

# shellcheck disable=SC2086
"$HARMONIA" train --data d.h5 --out run $small --ema 0.9 --steps 2 >/dev/null 2>&1
c=$(checkpoint run 2)
run 30 "$HARMONIA" export "$c" a.safetensors
exits 0 "export"
"$HARMONIA" export "$c" b.safetensors 2>/dev/null
check "the same bytes again" cmp a.safetensors b.safetensors
imports back.h5 a.safetensors
check "back again: the averages are the weights" h5diff "$c" back.h5 /ema/G /G
check "and the options are there" sh -c '
    "$1" info --changed "$2" >options
    "$1" info --changed "$3" | cmp options -' - \
    "$HARMONIA" "$c" back.h5
for file in "$c" back.h5; do
    "$HARMONIA" eval --data d.h5 --checkpoint "$file" --csv "$(basename "$file").csv" \
        >/dev/null 2>&1
done
check "eval finds the same errors" sh -c 'test "$(sed 1d "$1")" = "$(sed 1d "$2")" &&
    test "$(wc -l <"$1")" -gt 1' - "$(basename "$c").csv" back.h5.csv
picture i.png 80 60 rgb photo 2
picture m.png 80 60 grey box
for file in "$c" back.h5; do
    "$HARMONIA" apply --checkpoint "$file" --image i.png --mask m.png \
        --output "$(basename "$file").png" >/dev/null 2>&1
done
check "apply makes the same picture" cmp "$(basename "$c").png" back.h5.png
run 30 "$HARMONIA" export "$c" "$c"
refused 2 "is a checkpoint" "not over a checkpoint"
run 30 "$HARMONIA" export a.safetensors b.safetensors
refused 1 "a.safetensors" "not of what is no checkpoint"
run 30 "$HARMONIA" export "$c"
exits 2 "export to nowhere"

# ---- several networks

"$HARMONIA" train --data d.h5 --out two --model bargainnet --ngf 4 --batch 4 \
    --micro-batch 2 --threads 1 --report-samples 0 --steps 1 >/dev/null 2>&1
two=$(checkpoint two 1)
"$HARMONIA" export "$two" generator.safetensors 2>/dev/null
"$HARMONIA" export "$two" all.safetensors --all 2>/dev/null
imports all.h5 all.safetensors
check "all networks: the generator" h5diff "$two" all.h5 /G /G
check "and the code extractor" h5diff "$two" all.h5 /E /E
run 30 "$HARMONIA" import generator.safetensors --out none.h5
says '^missing: E/' "the generator alone lacks the other"
imports like.h5 generator.safetensors --like "$two"
check "which --like gives" h5diff "$two" like.h5 /E /E
imports new.h5 generator.safetensors --model bargainnet
says 'has nothing of network E: it is new' "or is new with --model"
check "and not that of the run" sh -c '! h5diff "$1" new.h5 /E /E' - "$two"
for name in $(h5ls "$two/E" | sed 's/ .*//'); do
    h5copy -i "$two" -o extractor.h5 -s "E/$name" -d "$name"
done
imports both.h5 extractor.h5 --network E --like new.h5
check "--network: names of the extractor" h5diff "$two" both.h5 /E /E
check "beside the generator of --like" h5diff "$two" both.h5 /G /G

# ---- names as the public implementations have them

# public RECORD MODEL OPTIONS...: what golden/ has of their networks.
public() {
    rm -f public.h5
    for group in G D E; do
        h5copy -i "$HARMONIA_SOURCE/tests/golden/$1_weights.h5" -o public.h5 \
            -s "weights/$group" -d $group >/dev/null 2>&1
    done
    shift
    imports "$1.h5" public.h5 --model "$@" --ngf 8
    check "$1: no network is new" sh -c '! grep "it is new" "$1"' - "$stderr"
}
public dovenet_batch dovenet --norm batch --ndf 8
public dovenet_instance dovenet --ndf 8
public bargainnet bargainnet --nef 8

# ---- as others see it

if has_modules h5py; then
    check "the file is as safetensors has to be" /usr/bin/python3 -c '
import json, struct, sys, h5py, numpy as np
data = open("a.safetensors", "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
texts = header.pop("__metadata__")
assert texts["format"] == "pt" and texts["option.model"] == "unet", texts
assert length % 8 == 0 and all(type(t) is str for t in texts.values())
group, at = h5py.File(sys.argv[1], "r")["ema/G"], 0
assert sorted(header) == sorted(group), header
for name, about in header.items():
    kind = {"F32": "<f4", "I64": "<i8"}[about["dtype"]]
    begin, end = about["data_offsets"]
    assert begin == at and begin % np.dtype(kind).itemsize == 0, name
    values = np.frombuffer(data[8 + length + begin:8 + length + end], kind)
    assert np.array_equal(values.reshape(about["shape"]), group[name][()]), name
    at = end
assert 8 + length + at == len(data)' "$c"
else
    skip "python3-h5py is not installed"
fi
finish
