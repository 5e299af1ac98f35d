# Readers against inputs that once failed, and changed ones for some seconds: a
# minute under sanitizers. make fuzz does more.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

export TMPDIR="$scratch"
fuzz=$HARMONIA_BUILD/tests/fuzz/fuzz
share=1 # of seconds, to each target
is_sanitized && share=6
for target in $("$fuzz"); do
    run 300 "$HARMONIA_SOURCE/tests/fuzz/run" "$fuzz" found "$share" 1 "$target"
    exits 0 "$(head -n 1 "$stdout")"
done

# faulty WORD...: of readers that do what these words say
faulty() {
    rm -rf faults faulty-*
    mkdir faults
    echo good >faults/a
    for word; do
        echo "$word" >"faults/$word"
    done
    run 60 "$fuzz" itself faults 0 1 faulty
    exits 1 "a fault is found: $*"
    check "it is counted" grep -q "failed: $#\$" "$stdout"
    check "the input is kept" grep -qx "$word" faulty-$#
}
faulty crash
faulty crash object open
faulty hdf5
check "it is HDF5's own" grep -q "in HDF5 itself: the input" "$stderr"
faulty calls
check "what HDF5 calls is not" grep -q "a crash: the input" "$stderr"
faulty refuse
mv faults/refuse faults/bad-refuse
run 60 "$fuzz" itself faults 0 1 faulty
exits 0 "a bad input may be refused"
if is_sanitized; then
    ASAN_OPTIONS=detect_leaks=1
    faulty leak
fi
finish
