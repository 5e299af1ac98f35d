# Shell tests of the program: Test Anything Protocol lines for prove.
#
#   . "$HARMONIA_SOURCE/tests/lib/tap.sh"
#   run 20 "$HARMONIA" info nothing.h5      at most 20 s; sets $code, $seconds;
#                                           output in $stdout and $stderr
#   exits 1 "info of a missing file"
#   says nothing.h5 "the message names the file"
#   finish
#
# The test works in $scratch, a new folder that is removed at its end together
# with all processes that `background` started. HARMONIA is the program,
# HARMONIA_BUILD the build folder, HARMONIA_SOURCE the project.
set -u
: "${HARMONIA:?make test sets it: the path of the program}"
: "${HARMONIA_BUILD:?make test sets it: the build folder}"
: "${HARMONIA_SOURCE:?make test sets it: the folder of the project}"

export HARMONIA LC_ALL=C OMP_WAIT_POLICY=passive
# Under sanitizers: what MPI itself never frees is not looked for.
: "${ASAN_OPTIONS:=detect_leaks=0}"
export ASAN_OPTIONS
# mpirun waits a second before it kills what did not end by itself; that of Open
# MPI 5 a quarter of one, whatever is set.
export OMPI_MCA_odls_base_sigkill_timeout=0
checks=0
failures=0
background_pids=
scratch=$(mktemp -d "${TMPDIR:-/tmp}/harmonia-test-XXXXXX") || exit 1
stdout=$scratch/.stdout
stderr=$scratch/.stderr
cd "$scratch" || exit 1

clean_up() {
    for pid in $background_pids; do
        kill -KILL "$pid" 2>/dev/null
    done
    cd / && rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

note() {
    printf '# %s\n' "$*"
}

# ok STATUS WHAT: one check, passed if the status is 0.
ok() {
    checks=$((checks + 1))
    if [ "$1" -eq 0 ]; then
        printf 'ok %d - %s\n' "$checks" "$2"
    else
        failures=$((failures + 1))
        printf 'not ok %d - %s\n' "$checks" "$2"
    fi
}

# in_time SECONDS LIMIT: whether that was soon enough. Where a machine has more to
# run than cores, everything takes as many times as long.
in_time() {
    awk -v seconds="$1" -v limit="$2" -v cores="$(nproc)" '{
        crowd = $1 > cores ? $1 / cores : 1
        exit seconds > limit * crowd }' /proc/loadavg
}

# check WHAT COMMAND...: passed if the command ends well; else shows its output.
check() {
    check_name=$1
    shift
    if "$@" >"$scratch/.check" 2>&1; then
        ok 0 "$check_name"
    else
        ok 1 "$check_name"
        note "$*"
        head -n 20 "$scratch/.check" | sed 's/^/#   /'
    fi
}

skip() {
    checks=$((checks + 1))
    printf 'ok %d # SKIP %s\n' "$checks" "$*"
}

skip_all() {
    printf '1..0 # SKIP %s\n' "$*"
    exit 0
}

# The plan, and the test's exit status.
finish() {
    printf '1..%d\n' "$checks"
    [ "$failures" -eq 0 ] && [ "$checks" -gt 0 ]
    exit
}

show_output() {
    note "exit status $code after $seconds s; stdout, then stderr:"
    tail -n 10 "$stdout" | sed 's/^/#   /'
    tail -n 20 "$stderr" | sed 's/^/#   /'
}

# run LIMIT COMMAND...: with a time limit in seconds; 124 when it is exceeded.
run() {
    limit=$1
    shift
    started=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$stdout" 2>"$stderr" </dev/null
    code=$?
    seconds=$(($(date +%s) - started))
}

# The exit status of the last `run`.
exits() {
    if [ "$code" -eq "$1" ]; then
        ok 0 "$2"
    else
        ok 1 "$2: exit status $code, expected $1"
        show_output
    fi
}

# What the last `run` said on stderr, as an extended regular expression.
says() {
    if grep -Eq -e "$1" "$stderr"; then
        ok 0 "$2"
    else
        ok 1 "$2: no '$1' on stderr"
        show_output
    fi
}

# refused CODE TEXT WHAT: exit status, one line on stderr from the program
# itself that matches, nothing on stdout.
refused() {
    lines=$(grep -c '^harmonia: ' "$stderr")
    warnings=$(grep -c '^harmonia: warning: ' "$stderr")
    if [ "$code" -eq "$1" ] && [ $((lines - warnings)) -eq 1 ] &&
        grep '^harmonia: ' "$stderr" | grep -v '^harmonia: warning: ' |
        grep -Eq -e "$2" && [ ! -s "$stdout" ]; then
        ok 0 "$3"
    else
        ok 1 "$3: expected exit status $1 and one message with '$2'"
        show_output
    fi
}

# png_size FILE: "WIDTH HEIGHT" from its header
png_size() {
    od -An -tu1 -N24 "$1" | tr '\n' ' ' | awk '
        $1 == 137 && $2 == 80 && $3 == 78 && $4 == 71 {
            print $18 * 65536 + $19 * 256 + $20, $22 * 65536 + $23 * 256 + $24 }'
}

# ranks N COMMAND...: under mpirun.
ranks() {
    ranks_wanted=$1
    shift
    mpirun -n "$ranks_wanted" "$@"
}
# `timeout` runs programs, not functions of the shell.
ranks_script=$scratch/.ranks
cat >"$ranks_script" <<'SCRIPT'
#!/bin/sh
count=$1
shift
exec mpirun -n "$count" "$@"
SCRIPT
# A rank that leaves its process id in $1/N before it becomes the program.
rank_with_pid=$scratch/.rank-with-pid
cat >"$rank_with_pid" <<'SCRIPT'
#!/bin/sh
folder=$1
shift
number=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${PMIX_RANK:-0}}}
echo $$ >"$folder/.$number" && mv "$folder/.$number" "$folder/$number"
exec "$@"
SCRIPT
chmod +x "$ranks_script" "$rank_with_pid"

# run_ranks LIMIT N COMMAND...
run_ranks() {
    run_limit=$1
    shift
    run "$run_limit" "$ranks_script" "$@"
}

# background COMMAND...: without waiting; $! is its process id.
background() {
    "$@" >"$scratch/.background.out" 2>"$scratch/.background.err" </dev/null &
    background_pids="$background_pids $!"
}

# wait_until LIMIT COMMAND...: asks twenty times a second.
wait_until() {
    tries=$(($1 * 20))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

# row_at_least LOG STEP: whether the log of a run has come to that step.
row_at_least() {
    [ -s "$1" ] && awk -F, -v step="$2" '$1 + 0 >= step { found = 1 }
        END { exit !found }' "$1"
}

# Which Open MPI mpirun is of: 4, 5.
open_mpi() {
    mpirun --version | sed -n 's/.*(Open MPI) \([0-9]*\).*/\1/p'
}

# Whether a process has ended (in a container nobody may collect the dead).
is_gone() {
    ! kill -0 "$1" 2>/dev/null ||
        grep -q '^[0-9]* ([^)]*) Z' "/proc/$1/stat" 2>/dev/null
}

# Whether the processes have ended whose numbers are the lines of $PIDS.
all_gone() {
    while read -r pid; do
        is_gone "$pid" || return 1
    done <"$PIDS"
}

# The small data set and network of most tests.
small_set() {
    [ -s "$1" ] || "$HARMONIA" synth "$1" --size 64 --train 24 --test 8 --seed 3 \
        2>"$scratch/.synth" || {
        cat "$scratch/.synth" >&2
        return 1
    }
}
small="--ngf 4 --batch 4 --micro-batch 1 --threads 1 --report-samples 0"

checkpoint() {
    printf '%s/checkpoints/step-%08d.h5' "$1" "$2"
}

# same_bits WHAT A B: two HDF5 files hold the same values, everything included.
# (h5diff is silent about an object that only one of them has.)
same_bits() {
    if [ ! -s "$2" ] || [ ! -s "$3" ]; then
        ok 1 "$1: no file"
        ls -l "$2" "$3" 2>&1 | sed 's/^/#   /'
    elif cmp -s "$2" "$3"; then
        ok 0 "$1"
    else
        h5ls -r "$2" >"$scratch/.objects"
        check "$1" sh -c 'h5ls -r "$2" | cmp - "$3" && h5diff "$1" "$2"' - \
            "$2" "$3" "$scratch/.objects"
    fi
}

# picture FILE WIDTH HEIGHT KIND PATTERN: a PNG; see picture.pl.
picture() {
    perl "$HARMONIA_SOURCE/tests/lib/picture.pl" "$@"
}

has_modules() {
    /usr/bin/python3 -c "import $1" >/dev/null 2>&1
}

is_sanitized() {
    nm "$HARMONIA" 2>/dev/null | grep -q ' __asan_init\| __tsan_init'
}
