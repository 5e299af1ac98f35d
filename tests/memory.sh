# Between step 2 and step 100 the program allocates nothing, and its resident
# memory stays what it is. (tests/preload/count_alloc.c does the counting.)
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

preload=$HARMONIA_BUILD/tests/count_alloc.so
[ "$(uname -s)" = Linux ] || skip_all "counts by LD_PRELOAD on Linux"
is_sanitized && skip_all "a sanitizer has its own allocator"
[ -f "$preload" ] || {
    echo "$preload is not built: make tests"
    exit 1
}
small_set d.h5 || exit 1

# counted NAME FIRST-ROW RANKS OPTIONS...: what the counter saw, in NAME.txt
counted() {
    name=$1
    first=$2
    number=$3
    shift 3
    head -c 65536 /dev/zero >"$name"
    # shellcheck disable=SC2086
    run_ranks 120 "$number" env LD_PRELOAD="$preload" \
        COUNT_ALLOC="$scratch/$name" COUNT_ALLOC_ROWS="$first 5 100" \
        "$HARMONIA" train --data d.h5 --out "run-$name" $small --steps 100 \
        --log-every 1 --save-every 1000 "$@"
    exits 0 "$name: trained with the counter in front"
    check "$name: every rank was counted" \
        test "$(grep -c . "$name.txt" 2>/dev/null)" -eq "$number"
}

steady() {
    counted "$@"
    while read -r pid own library settled resident caller; do
        note "process $pid: libraries allocated $library times;" \
            "resident $settled KiB at step 5, $resident KiB at step 100"
        check "$1: no allocation between steps $2 and 100 (first: $caller)" \
            test "$own" -eq 0
        growth=$((resident - settled))
        check "$1: resident memory grew by $growth KiB, at most 1024" \
            test "$settled" -gt 1000 -a "$growth" -le 1024
    done <"$1.txt"
}

steady alone 2 1 --crop-min 0.5
steady single 2 1 --batch 1
steady threads 2 1 --threads 2 --norm batch --micro-batch 2
steady ranks 2 2 --crop-min 0.5 --batch 6
steady streamed 2 3 --shard stream --batch 6
steady training 2 2 --batch 6 --recompose 1 --crop-min 0.5 --crop-mask soft \
    --mask-jitter 0.5 --ema 0.9 --clip-norm 1 --weight-decay 0.1
steady phases 2 2 --shard stream --model dovenet --ndf 4

# A check of the checks: writing a checkpoint does allocate.
counted start 1 1 --save-every 50
check "the counter sees the program's allocations (a checkpoint at step 50)" \
    awk '{ exit !($2 > 0 && $6 != "0x0") }' start.txt
finish
