# Ranks that read the data set, ranks that rank 0 streams to, and copies on the
# nodes' disks: the same bits, and one message when something is wrong.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
steps=14 # two epochs and a bit
options="--data d.h5 --ngf 4 --batch 6 --micro-batch 1 --threads 1
    --report-samples 0 --crop-min 0.5 --steps $steps"
mkdir with without other damaged
cp d.h5 with/
"$HARMONIA" synth other/d.h5 --size 64 --train 24 --test 8 --seed 5 2>/dev/null
cp d.h5 damaged/
head -c 2000 /dev/zero | tr '\0' 'U' | dd of=damaged/d.h5 bs=1 seek=100000 \
    conv=notrunc 2>/dev/null

# in_folders FOLDERS COMMAND...: rank n works in the n-th folder.
cat >in-folders <<'SCRIPT'
#!/bin/sh
folders=$1
shift
shift_by=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${PMIX_RANK:-0}}}
for folder in $folders; do
    [ "$shift_by" -gt 0 ] || break
    shift_by=$((shift_by - 1))
done
[ -z "${PIDS:-}" ] || echo $$ >>"$PIDS"
cd "$folder" || exit 99
exec "$@"
SCRIPT
chmod +x in-folders
export PIDS="$scratch/pids"

# train OUT FOLDERS OPTIONS...: one rank a folder; what it prints is in $stderr
train() {
    out=$scratch/$1
    folders=$2
    shift 2
    : >"$PIDS"
    # shellcheck disable=SC2086
    run_ranks 60 "$(echo $folders | wc -w)" "$scratch/in-folders" "$folders" \
        "$HARMONIA" train $options --out "$out" "$@"
}

# as_one NAME: the last run ended well and in the bits of the run `one`.
as_one() {
    exits 0 "$1"
    same_bits "$1: the bits of one rank that reads" "$(checkpoint one $steps)" \
        "$(checkpoint "$(basename "$out")" $steps)"
}

# ---- the same bits ---------------------------------------------------------------

train one with
exits 0 "one rank"
train index "with with with" --shard index
as_one "index on 3 ranks"
says "^d.h5: read by 3 ranks$" "says that all read"
train stream-2 "with with" --shard stream
as_one "stream on 2 ranks"
says "^d.h5: read by 1 rank, streamed to 1$" "says that one is streamed to"
says "^waited for data: at most [0-9.]+ s \(rank [01]\) of " "and how long was waited"
train stream-3 "with without without" --shard stream
as_one "stream on 3 ranks, two without the file"
train auto "with without with"
as_one "auto, one of 3 ranks without the file"
says "^d.h5: read by 2 ranks, streamed to 1 \(rank 1 on .*: d.h5: cannot open: No such file" \
    "says how many, who and why"
train auto-other "with other"
as_one "auto, a rank with another data set of that name"
says "streamed to 1 \(rank 1 on .*d.h5: is not the data set of rank 0\)" "says so"
train alone with --shard stream
as_one "stream on one rank"

rm -rf part
train part "with without" --steps 5
train part "with with with" --resume --steps $steps --shard index
as_one "streamed for 5 steps, then read on 3 ranks"

phases="--model dovenet --ndf 4"
# shellcheck disable=SC2086
train d-one with $phases --steps 4
# shellcheck disable=SC2086
train d-stream "with without without" $phases --steps 4
exits 0 "two phases a step, streamed"
same_bits "two phases: the bits of one rank that reads" \
    "$(checkpoint d-one 4)" "$(checkpoint d-stream 4)"

# ---- what goes wrong ---------------------------------------------------------------

# fault CODE TEXT WHAT FOLDERS OPTIONS...
fault() {
    want=$1
    text=$2
    what=$3
    shift 3
    rm -rf bad
    train bad "$@"
    refused "$want" "$text" "$what"
    check "$what: all gone within 10 s ($seconds)" in_time "$seconds" 10
    check "$what: no process is left" wait_until 2 all_gone
}
fault 1 "^harmonia: rank 1 on .*: d.h5: cannot open: No such file" \
    "index on a rank without the file" "with without with" --shard index
fault 1 "^harmonia: rank 2 on .*: d.h5: is not the data set of rank 0" \
    "index on a rank with another data set" "with with other" --shard index
fault 1 "^harmonia: d.h5: cannot open" "rank 0 has no file" "without with with"
fault 1 "step [0-9]+: d.h5: sample .*\.(png|jpg).*damaged" \
    "a damaged sample, read for another rank" \
    "damaged without without" --shard stream --steps 400
fault 2 "option --stage: with --shard stream" "--stage with --shard stream" \
    "with with" --shard stream --stage "$scratch/stage"

# ---- asked to stop, and killed ------------------------------------------------------

# start OUT: 2 ranks, one streamed to, in the background
start() {
    : >"$PIDS"
    rm -rf numbers
    mkdir numbers
    # shellcheck disable=SC2086
    background mpirun -n 2 "$rank_with_pid" "$scratch/numbers" \
        "$scratch/in-folders" "with without" "$HARMONIA" train $options \
        --steps 100000 --save-every 100000 --log-every 1 --out "$scratch/$1"
    launched=$!
    wait_until 30 row_at_least "$1/log.csv" 5
}
for name in USR1 TERM; do
    start "stopped-$name"
    kill -$name "$(cat numbers/1)"
    wait "$launched"
    code=$?
    cp .background.err "$stderr"
    cp .background.out "$stdout"
    seconds=-
    exits 75 "SIG$name to a rank that is streamed to"
    says "stopped by a signal after step [0-9]+, which is saved" "is a clean end"
done
start killed
kill -KILL "$(cat numbers/1)"
wait "$launched"
check "a rank that is streamed to is killed: the others are gone" \
    wait_until 10 all_gone
start killed-0
kill -KILL "$(cat numbers/0)"
wait "$launched"
check "rank 0 is killed: the others are gone" wait_until 10 all_gone

# ---- copies on the nodes' disks ------------------------------------------------------

train stage-1 "with with" --stage "$scratch/disk/a/b"
as_one "staged"
says "^d.h5 \(0.7 MB\): a copy in .*/disk/a/b: 0 nodes had it, 1 copied it, 0 got" \
    "says who copies"
says "^.*/disk/a/b/d.h5: read by 2 ranks$" "and that the copy is read"
check "the copy is the file" cmp d.h5 disk/a/b/d.h5
made=$(stat -c %i disk/a/b/d.h5)
train stage-2 "with without" --stage "$scratch/disk/a/b" --shard index
as_one "staged again, on ranks without the file as well"
says "1 node had it, 0 copied it" "an identical copy is used"
check "the same file" test "$(stat -c %i disk/a/b/d.h5)" = "$made"

cp other/d.h5 disk/a/b/d.h5
train stage-3 "with with" --stage "$scratch/disk/a/b"
as_one "another data set of that name is replaced"
head -c 300000 d.h5 >disk/a/b/d.h5
head -c 300000 d.h5 >disk/a/b/d.h5.part-dead00
train stage-4 "with with" --stage "$scratch/disk/a/b"
as_one "so is half a copy"
check "nothing else is in the folder" sh -c 'ls -A disk/a/b && test "$(ls -A disk/a/b)" = d.h5'

rm -rf disk
for run in 1 2 3; do
    # shellcheck disable=SC2086
    (cd with && exec "$HARMONIA" train $options --out "$scratch/at-once-$run" \
        --stage "$scratch/disk" >"$scratch/at-once-$run.out" 2>&1) &
done
wait
for run in 1 2 3; do
    same_bits "three runs stage into one folder at once: run $run" \
        "$(checkpoint one $steps)" "$(checkpoint at-once-$run $steps)"
done
check "one copy is left" sh -c 'ls -A disk && test "$(ls -A disk)" = d.h5'
touch plain
fault 1 "^harmonia: option --stage on .*/plain: " "--stage into a plain file" \
    "with with" --stage "$scratch/plain"

# ---- several nodes -------------------------------------------------------------------

# Name spaces stand in for nodes: each has a name, and its own folder at node/.
export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent="$scratch/agent"
export PRTE_MCA_plm=ssh PRTE_MCA_plm_ssh_agent="$scratch/agent"
unset OMPI_MCA_rmaps_base_mapping_policy PRTE_MCA_rmaps_default_mapping_policy
cat >agent <<'SCRIPT'
#!/bin/sh
# AGENT [OPTIONS] HOST COMMAND..., as mpirun calls ssh
while case $1 in -*) true ;; *) false ;; esac; do shift; done
host=$1
shift
unshare=unshare
[ "$(id -u)" = 0 ] || unshare="unshare -r"
exec $unshare --uts --mount sh -c '
    hostname "$0" && mount --bind "$SCRATCH/disk-$0" "$SCRATCH/node" || exit 9
    [ ! -s "$SCRATCH/node/full" ] ||
        mount -t tmpfs -o "$(cat "$SCRATCH/node/full")" none \
            "$SCRATCH/node/stage" || exit 9
    exec sh -c "$1"' "$host" "$*"
SCRIPT
chmod +x agent
export SCRATCH="$scratch" # the agent is mpirun's child
mkdir node disk-n1 disk-n2 disk-n3
cp d.h5 disk-n1/

# nodes HOSTS NUMBER COMMAND...
nodes() {
    hosts=$1
    number=$2
    shift 2
    run 60 mpirun --host "$hosts" -n "$number" "$@"
}
on_nodes() {
    out=$scratch/$1
    shift
    # shellcheck disable=SC2086
    nodes n1:1,n2:2,n3:1 4 "$HARMONIA" train $options --out "$out" \
        --data node/d.h5 "$@"
}
nodes n1:1,n2:1 2 hostname
if [ "$code" -eq 0 ] && [ "$(sort "$stdout" | tr '\n' ' ')" = "n1 n2 " ]; then
    on_nodes nodes-1
    as_one "auto on 3 nodes, two without the file"
    says "streamed to 3 \(rank 1 on n2: node/d.h5: cannot open: No such file" \
        "names the node"
    cp other/d.h5 disk-n3/
    on_nodes nodes-2 --stage node/stage --shard index
    as_one "staged on 3 nodes"
    says "0 nodes had it, 1 copied it, 2 got it from rank 0" "says how"
    check "the copies are the file" sh -c '
        cmp d.h5 disk-n1/stage/d.h5 && cmp d.h5 disk-n2/stage/d.h5 &&
        cmp d.h5 disk-n3/stage/d.h5'
    rm disk-n2/stage/d.h5
    on_nodes nodes-3 --stage node/stage
    as_one "staged again, one copy missing"
    says "2 nodes had it, 0 copied it, 1 got it from rank 0" "only that is made"

    rm disk-n2/stage/d.h5
    echo size=300k >disk-n2/full
    on_nodes nodes-4 --stage node/stage
    refused 1 "option --stage: node/stage on n2: a copy of d.h5 needs 6[0-9]* bytes, 3[0-9]* are free" \
        "a node's disk is too small"
    echo size=1m,nr_inodes=1 >disk-n2/full
    rm disk-n3/stage/d.h5
    on_nodes nodes-5 --stage node/stage
    refused 1 "option --stage on n2: node/stage/d.h5.part-[^ ]*: cannot be written: No space" \
        "a node cannot make the copy that it is sent"
    check "the copy of another node is not half made" sh -c '
        test -z "$(ls -A disk-n3/stage)"'
    rm disk-n2/full
else
    skip "no name spaces to stand in for nodes here"
fi
finish
