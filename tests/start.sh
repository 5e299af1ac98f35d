# A rank that fails while a run starts: all ranks are gone within 10 s, there is
# one message, and the exit status is 1. (tests/rankfault.sh has faults of data
# and arguments.)
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1

# Rank $1 (or `all`) has $2 kilobytes of address space.
cat >limited <<'SCRIPT'
#!/bin/sh
rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${PMIX_RANK:-0}}}
if [ "$1" = all ] || [ "$1" = "$rank" ]; then ulimit -v "$2" || exit 99; fi
shift 2
echo $$ >>"$PIDS"
exec "$@"
SCRIPT
chmod +x limited
export PIDS="$scratch/pids"
# ends TEXT WHAT COMMAND...: on 3 ranks
ends() {
    text=$1
    what=$2
    shift 2
    : >"$PIDS"
    run_ranks 30 3 "$@"
    refused 1 "$text" "$what: one message, exit status 1"
    check "$what: all gone within 10 s ($seconds)" in_time "$seconds" 10
    check "$what: no process is left" wait_until 5 all_gone
}

# ---- memory -------------------------------------------------------------------

kilobytes=900000
train="$HARMONIA train --data d.h5 $small --steps 2"
if is_sanitized; then
    skip "sanitizers need address space without limits"
else
    # shellcheck disable=SC2086
    run_ranks 60 3 ./limited all $kilobytes $train --out small
    if [ "$code" -ne 0 ]; then
        skip "MPI itself does not start in $kilobytes kB"
    else
        for rank in 2 all; do
            # shellcheck disable=SC2086
            ends "^harmonia: [^:]*: no memory for [0-9.]+ MiB" \
                "no memory for the network, rank $rank" ./limited $rank $kilobytes \
                $train --ngf 64 --out large
            check "rank $rank: nothing that looks like a checkpoint" \
                sh -c '! ls large/checkpoints/* 2>/dev/null'
        done
    fi
fi

# ---- folders and files -----------------------------------------------------------

# shellcheck disable=SC2086
ends "^harmonia: none.h5: cannot open" "no data set" ./limited none 0 \
    "$HARMONIA" train --data none.h5 --out run $small --steps 2
# shellcheck disable=SC2086
ends "^harmonia: d.h5: expected a folder" "no folder for the run" ./limited none 0 \
    "$HARMONIA" train --data d.h5 --out d.h5/run $small --steps 2
finish
