# harmonia import: a checkpoint of arrays that another program wrote or changed.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# shellcheck disable=SC2086
"$HARMONIA" train --data d.h5 --out run $small --steps 3 >/dev/null 2>&1 || exit 1
c=$(checkpoint run 3)
array=G/model.model.0.weight

imports() { # FILE WHAT [OPTIONS]
    imported=$1
    what=$2
    shift 2
    rm -f new.h5
    run 30 "$HARMONIA" import "$imported" --out new.h5 "$@"
    exits 0 "$what"
}
same_network() {
    check "$1: the same weights" h5diff "$c" new.h5 /G /G
}
# In a copy of the checkpoint in plain contiguous form: the first value of an
# array becomes the float32 (or else) of these bytes.
edit() { # FILE ARRAY HEX
    offset=$(h5dump -H -p -d "/$2" "$1" | sed -n 's/.*OFFSET //p')
    perl -e 'open my $f, "+<", $ARGV[0] or die; seek $f, $ARGV[1], 0;
        print $f pack "H*", $ARGV[2]; close $f or die' "$1" "$offset" "$3"
}
plain() {
    h5repack -f NONE -l CONTI "$c" "$1"
}

# ---- an edited checkpoint

imports "$c" "a checkpoint as it is"
same_network "it"
check "moments as well" h5diff "$c" new.h5 /optimizer /optimizer
run 30 "$HARMONIA" info --verify new.h5
check "step and options, too" grep -Eqx 'step +3' "$stdout"
check "info --verify" grep -q 'all good' "$stdout"
plain edited.h5
edit edited.h5 $array 0000803e # 0.25
run 30 "$HARMONIA" info --verify edited.h5
exits 1 "an edited checkpoint"
says "'$array' is damaged .*harmonia import" "info names the array, and the way out"
imports edited.h5 "import"
says "$array' was changed" "names the array"
run 30 h5dump -d "/$array" -s 0,0,0,0 -c 1,1,1,1 -m %g new.h5
check "the value is the edited one" grep -q ': 0.25$' "$stdout"
run 30 "$HARMONIA" eval --data d.h5 --checkpoint new.h5
exits 0 "eval"
run 30 "$HARMONIA" info --verify new.h5
exits 0 "info --verify"
cp new.h5 "$c"
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out run $small --steps 4 --resume
exits 0 "train --resume"
says 'steps 3 to 4' "goes on where it was"
plain bad.h5
edit bad.h5 $array 0000c07f
rm -f new.h5
run 30 "$HARMONIA" import bad.h5 --out new.h5
refused 1 "bad.h5: .*$array is nan" "a value that is no number"
check "writes nothing" test ! -e new.h5

cp "$c" bad.h5
perl -0777 -e 'open my $f, "+<:raw", "bad.h5" or die; my $all = <$f>;
    my $at = index $all, pack "H*", "0000803e"; die if $at < 0;
    seek $f, $at, 0; print $f "x"; close $f or die'
run 30 "$HARMONIA" import bad.h5 --out new.h5
refused 1 "$array' is damaged" "what HDF5's own checksum does not hold for"

# ---- arrays alone

h5copy -i "$c" -o group.h5 -s G -d G
run 30 "$HARMONIA" import group.h5 --out new.h5
refused 2 "group.h5 does not tell .* --like" "arrays alone: --like is missing"
imports group.h5 "a group of arrays" --like "$c"
same_network "it"
says "no moments .* step 0" "without moments training begins at step 0"
mkdir -p anew/checkpoints
cp new.h5 "$(checkpoint anew 0)"
# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out anew $small --steps 1 --resume
exits 0 "which it does"
imports group.h5 "--step" --like "$c" --step 7
run 30 "$HARMONIA" info new.h5
check "sets the step" grep -Eqx 'step +7' "$stdout"

names=$(h5ls "$c/G" | sed 's/ .*//')
for prefix in "" module. G/module.; do
    rm -f names.h5
    for name in $names; do
        h5copy -p -i "$c" -o names.h5 -s "G/$name" -d "$prefix$name"
    done
    imports names.h5 "names like '${prefix}model.model...'" --like "$c"
    same_network "they"
done
h5copy -p -i "$c" -o names.h5 -s "$array" -d "${array#G/}"
run 30 "$HARMONIA" import names.h5 --out twice.h5 --like "$c"
refused 1 "network G is there twice: array '${array#G/}'" "names of two kinds at once"

# ---- missing, left over, of another shape

rm -f names.h5
for name in $names; do
    [ "G/$name" = $array ] || h5copy -i "$c" -o names.h5 -s "G/$name" -d "$name"
done
h5copy -i "$c" -o names.h5 -s "$array" -d model.other
rm -f new.h5
run 30 "$HARMONIA" import names.h5 --out new.h5 --like "$c"
refused 1 "names.h5: 1 arrays of the network are missing, 1 have no place" \
    "an array under another name"
says "^missing: $array\$" "names what is missing"
says "^without a place: model.other\$" "and what is left over"
check "nothing is written" test ! -e new.h5
rm -f names.h5
for name in $names; do
    from=$name
    [ "G/$name" != $array ] || from=$(echo "$names" | sed -n '/weight/p' | tail -n 1)
    h5copy -i "$c" -o names.h5 -s "G/$from" -d "$name"
done
run 30 "$HARMONIA" import names.h5 --out new.h5 --like "$c"
refused 1 "'${array#G/}' has shape .*, expected \[4,4,4,4\]" "another shape is named"
run 30 "$HARMONIA" import d.h5 --out new.h5 --like "$c"
refused 1 "are missing" "a data set"
if has_modules h5py; then
    /usr/bin/python3 -c 'import h5py; h5py.File("empty.h5", "w")'
    run 30 "$HARMONIA" import empty.h5 --out new.h5 --like "$c"
    refused 1 "empty.h5: holds no arrays" "a file of nothing"
fi
run 30 "$HARMONIA" import "$HARMONIA" --out new.h5 --like "$c"
refused 1 "not an HDF5 file" "another file"
run 30 "$HARMONIA" import "$c"
refused 2 "option --out is missing" "without --out"

# ---- what is there already

imports group.h5 "again" --like "$c"
run 30 "$HARMONIA" import group.h5 --out new.h5 --like "$c"
exits 0 "what import made is written over"
for there in "$(checkpoint run 4)" group.h5 d.h5; do
    cp "$there" before
    run 30 "$HARMONIA" import group.h5 --out "$there" --like "$c"
    refused 2 "$there is there" "$there is not"
    check "and stays" cmp before "$there"
done

# ---- two networks

# shellcheck disable=SC2086
"$HARMONIA" train --data d.h5 --out two --model dovenet --ndf 4 $small --steps 1 \
    >/dev/null 2>&1
two=$(checkpoint two 1)
rm -f group.h5
h5copy -i "$two" -o group.h5 -s G -d G
imports group.h5 "the generator of two networks" --like "$two"
check "the other is of --like" h5diff "$two" new.h5 /D /D
h5copy -i "$two" -o group.h5 -s state -d state
run 30 "$HARMONIA" import group.h5 --out none.h5
says "^missing: D/" "without it, it is missing"

# ---- other types

if has_modules h5py; then
    /usr/bin/python3 - "$c" <<'PYTHON'
import sys, h5py
with h5py.File(sys.argv[1], "r") as c, h5py.File("types.h5", "w") as out:
    for i, name in enumerate(c["G"]):
        value = c["G"][name][()]
        if value.dtype.kind == "f":
            value = value.astype(["<f8", ">f8", ">f4"][i % 3])
        out["G/" + name] = value if value.shape else value.reshape(1)
    c.copy("optimizer", out)
    state = out.create_group("state")
    for key, value in c["state"].attrs.items():
        state.attrs[key] = value.decode() if isinstance(value, bytes) else str(value)
    state.attrs["step"] = 3
    state.attrs["option.lr"] = 0.125
    state.attrs["note"] = True
    out.create_dataset("notes", data="made by hand")
PYTHON
    imports types.h5 "other widths and orders of bytes, and texts of Python's"
    same_network "they"
    says "warning: .*'note' of its state" "what is neither text nor number is named"
    run 30 "$HARMONIA" info new.h5
    check "a number as the step" grep -Eqx 'step +3' "$stdout"
    check "and as an option" grep -Eqx 'option.lr +0.125' "$stdout"
else
    skip "python3-h5py is not installed"
fi
finish
