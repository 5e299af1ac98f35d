# A run whose files cannot be read, or are damaged: never one that is not there.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

preload=$HARMONIA_BUILD/tests/fail_call.so
small_set d.h5 || exit 1
EIO=5 EACCES=13 EMFILE=24 ESTALE=116

# train OUT OPTIONS...
train() {
    out=$1
    shift
    # shellcheck disable=SC2086
    run 60 "$HARMONIA" train --data d.h5 --out "$out" $small --save-every 2 --log-every 1 "$@"
}
# failing PART AT ERRNO ON OUT OPTIONS...: with calls on files of that name failing
failing() {
    LD_PRELOAD=$preload FAIL_PART=$1 FAIL_AT=$2 FAIL_ERRNO=$3 FAIL_ON=$4
    export LD_PRELOAD FAIL_PART FAIL_AT FAIL_ERRNO FAIL_ON
    shift 4
    train "$@"
    unset LD_PRELOAD
}
# Everything in a run but its lock.
state() {
    (cd "$1" && find . ! -name lock | sort && find . -type f ! -name lock -exec cksum {} + | sort)
}
untouched() {
    state "$1" >now
    check "$2: nothing is touched" cmp before now
}

train whole --steps 6 --keep 9 --validate-every 4 --validate-samples 2
exits 0 "a run"
cp -r whole run
rm "$(checkpoint run 6)"
: >run/checkpoints/step-00000008.h5.tmp-elsewhere-9
state run >before

# ---- disks that fail ------------------------------------------------------------------

if is_sanitized; then
    skip "the sanitizer's library must come first"
else
    for case in "$EIO Input/output" "$ESTALE Stale" "$EACCES Permission" "$EMFILE Too many"; do
        failing step-00000004 1 "${case%% *}" 1 run --steps 6 --resume
        refused 1 "run/checkpoints/step-00000004.h5: cannot open: ${case#* }" \
            "the newest cannot be opened: ${case#* }"
        untouched run "with --resume"
    done
    failing step- 20 $EACCES 1 run --steps 6
    refused 1 "run/checkpoints/step-00000004.h5: cannot read: Permission" \
        "nor read, without --resume"
    untouched run "without --resume"
    failing step- 1 $EACCES 1 run --steps 6 --resume
    refused 1 "step-00000004.h5: cannot open: Permission.*step-00000002.h5: cannot open: Perm" \
        "all cannot be opened: each is named"
    untouched run "of all"
    failing run/checkpoints 3 $EIO 1 run --steps 6 --resume
    refused 1 "run/checkpoints: cannot list: Input/output" "a folder that cannot be listed"
    untouched run "the folder"
    failing run/log.csv 3 $EACCES 1 run --steps 6 --resume
    refused 1 "run/log.csv: cannot be read: Permission" "a log that cannot be read"
    check "stays" cmp whole/log.csv run/log.csv
    : >run/checkpoints/step-00000008.h5.tmp-elsewhere-9
    for errno in $EIO $ESTALE; do
        rm -rf again
        cp -r run again
        failing step- 1 $errno 0 again --steps 6 --resume
        exits 0 "errno $errno in passing"
        says "warning: again/checkpoints/step-00000004.h5: .*; trying again in 0.1 s" \
            "is said and tried again"
        same_bits "to the undisturbed bits" "$(checkpoint whole 6)" "$(checkpoint again 6)"
    done
    for errno in $EIO $ESTALE; do
        failing d.h5 80 $errno 0 "set-$errno" --steps 6 --keep 9 \
            --validate-every 4 --validate-samples 2
        exits 0 "the data set, errno $errno in passing"
        says "warning: d.h5: .*; trying again in 0.1 s" "is said and tried again"
        same_bits "to the undisturbed bits" "$(checkpoint whole 6)" "$(checkpoint "set-$errno" 6)"
    done
    failing d.h5 80 $EIO 1 set-lost --steps 6
    refused 1 "^harmonia: step [0-9]+: d.h5: cannot read: Input/output error$" \
        "a data set that is lost meanwhile"
    check "is tried no longer than once" test "$(grep -c 'trying again' "$stderr")" -eq 4
    failing d.h5 20 $EACCES 1 set-closed --steps 6
    refused 1 "^harmonia: d.h5: cannot read: Permission denied$" "or cannot be read from the start"
    check "rows that are computed again are kept beside the log" sh -c '
        test "$(cut -d, -f1 again/log.cut.csv | tr "\n" " ")" = "step 5 6 " &&
        test "$(cut -d, -f1 again/log.csv | tr "\n" " ")" = "step 1 2 3 4 5 6 "'
fi

# ---- damage ---------------------------------------------------------------------------

rm -rf damaged
cp -r run damaged
head -c 9000 "$(checkpoint run 4)" >"$(checkpoint damaged 4)"
: >"$(checkpoint damaged 2)"
: >damaged/checkpoints/best.h5
state damaged >before
for resume in --resume ""; do
    # shellcheck disable=SC2086
    train damaged --steps 6 --model bargainnet $resume
    refused 1 "step-00000004.h5: .*step-00000002.h5: .*best.h5: " \
        "all are damaged: each is named ($resume)"
    untouched damaged "train $resume"
done
run 20 "$HARMONIA" info --newest damaged
refused 1 "step-00000004.h5: " "info --newest names them, too"
cp whole/checkpoints/best.h5 damaged/checkpoints/best.h5
train damaged --steps 6 --resume
says "warning: .*step-00000004.h5: .*; passed over" "but best.h5: the others are passed over"
says "resuming from damaged/checkpoints/best.h5" "and it is gone on from"
same_bits "to the undisturbed bits" "$(checkpoint whole 6)" "$(checkpoint damaged 6)"
rm -rf best
mkdir -p best/checkpoints
cp whole/checkpoints/best.h5 best/checkpoints
train best --steps 4 --resume
exits 0 "best.h5 alone, of a run that is done"
same_bits "is the checkpoint of its step" "$(checkpoint whole 4)" "$(checkpoint best 4)"

# ---- other runs, other places -----------------------------------------------------------

state run >before
train run --steps 6 --resume --model dovenet
refused 1 "option --model: dovenet, but the checkpoint's run has unet" "another model is refused"
untouched run "its folder"
cp -r whole renamed
mv "$(checkpoint renamed 2)" "$(checkpoint renamed 9)"
train renamed --steps 6 --resume
says "warning: .*step-00000009.h5: is of step 2, unlike its name; passed over" \
    "a checkpoint under another's name"
says "resuming from renamed/checkpoints/step-00000006.h5" "is not gone on from"
mkdir lost
ln -s /nonexistent/far lost/checkpoints
train lost --steps 2 --resume
refused 1 "^harmonia: lost/checkpoints: " "a checkpoints folder that is a link to nothing"
run 20 "$HARMONIA" info --newest lost
refused 1 "^harmonia: lost/checkpoints: cannot list" "info --newest of it"
run 20 "$HARMONIA" info --newest nothing
exits 0 "info --newest of no run"
check "prints nothing" test ! -s "$stdout"
mkdir linked
ln -s ../whole/checkpoints linked/checkpoints
run 20 "$HARMONIA" info --newest linked
check "a linked folder is followed" grep -qx "$(checkpoint linked 6)" "$stdout"
finish
