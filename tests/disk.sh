# A full disk, and a limit on the size of files: exit status 1, a message that
# names the file, and what was written before is good.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

unset OMPI_MCA_odls_base_sigkill_timeout # each rank's end is to be seen
small_set d.h5 || exit 1

# ---- a device that is always full ------------------------------------------------

if [ -c /dev/full ]; then
    run 20 "$HARMONIA" eval --data d.h5 --method composite --csv /dev/full
    exits 1 "eval --csv on a full device"
    says "^harmonia: /dev/full: " "names it"
    # shellcheck disable=SC2016
    run 20 sh -c '"$HARMONIA" --version >/dev/full'
    exits 1 "the version, to a full disk"
    run 20 sh -c '"$HARMONIA" info d.h5 >/dev/full'
    refused 1 "standard output" "results that cannot be written"
else
    skip "no /dev/full here"
fi

# ---- pack, synth and apply under a limit -----------------------------------------

mkdir -p h/composite_images h/masks h/real_images
for number in 1 2 3 4 5 6; do
    picture "h/composite_images/c${number}_1_1.jpg" 64 64 rgb noise $number
    cp "h/composite_images/c${number}_1_1.jpg" "h/real_images/c$number.jpg"
    picture "h/masks/c${number}_1.png" 64 64 grey box
    list=train
    [ $number -le 4 ] || list=test
    echo "c${number}_1_1.jpg" >>h/HCOCO_$list.txt
done
"$HARMONIA" pack h whole.h5 --size 64 2>/dev/null

# limited BLOCKS COMMAND...
limited() {
    # shellcheck disable=SC2016
    run 30 sh -c 'ulimit -f "$1"; shift; exec "$@"' - "$@"
}
limited 40 "$HARMONIA" pack h h.h5 --size 64
refused 1 "^harmonia: h.h5" "pack under a file size limit names its file"
check "no file that looks whole" test ! -e h.h5
run 30 "$HARMONIA" pack h h.h5 --size 64
exits 0 "the same command afterwards"
same_bits "makes the file of an undisturbed pack" whole.h5 h.h5
limited 40 "$HARMONIA" synth s.h5 --size 64 --train 24 --test 2
refused 1 "^harmonia: s.h5" "synth under a file size limit"
check "synth leaves nothing" sh -c '! ls s.h5*'

# ---- a file system that fills up while training -----------------------------------

# shellcheck disable=SC2086
run 60 "$HARMONIA" train --data d.h5 --out undisturbed $small --steps 40 \
    --save-every 5 --keep 9
exits 0 "an undisturbed run"
size=$(wc -c <"$(checkpoint undisturbed 5)")
good=$(cksum <"$(checkpoint undisturbed 5)")

cat >fill <<'SCRIPT'
# In a name space of its own: RUN is on a file system of so many bytes, and
# what it held is in kept/ afterwards.
mkdir -p full kept
mount -t tmpfs -o "size=$1" none full || exit 90
shift
"$@"
code=$?
cp -r full/. kept/
exit $code
SCRIPT
unshare=unshare
[ "$(id -u)" = 0 ] || unshare="unshare -r"
if $unshare -m sh fill 1m true 2>/dev/null; then
    for number in 1 2; do
        rm -rf kept
        # room for two checkpoints; the third is written while training goes on
        # shellcheck disable=SC2086
        run 60 $unshare -m sh fill $((size * 5 / 2)) mpirun -n $number \
            "$HARMONIA" train --data d.h5 --out full/run $small --steps 40 \
            --save-every 5 --keep 9
        refused 1 "^harmonia: full/run/[a-z.0-9/-]*: " \
            "train on a full disk, $number ranks, names the file"
        check "all gone within 10 s" in_time "$seconds" 10
        check "the first checkpoint is untouched" \
            test "$(cksum <"$(checkpoint kept/run 5)")" = "$good"
        check "the second is good" \
            "$HARMONIA" info --verify "$(checkpoint kept/run 10)"
        check "there is no third, nor half of one" sh -c '
            test "$(ls -A kept/run/checkpoints | wc -l)" -eq 2'
    done
    # shellcheck disable=SC2086
    run 60 "$HARMONIA" train --data d.h5 --out kept/run --threads 1 --resume
    exits 0 "resumed where there is room"
    same_bits "in the undisturbed run's bits" "$(checkpoint undisturbed 40)" \
        "$(checkpoint kept/run 40)"
    rm -rf kept
    run 30 $unshare -m sh fill 100k "$HARMONIA" pack h full/h.h5 --size 64
    refused 1 "^harmonia: full/h.h5" "pack on a full disk names its file"
    check "no file that looks whole" test ! -e kept/h.h5
else
    skip "cannot mount a small file system here"
fi

# ---- a limit on the size of files that a run meets ---------------------------------

if command -v prlimit >/dev/null 2>&1; then
    mkdir pids
    # shellcheck disable=SC2086
    background mpirun -n 2 "$rank_with_pid" "$scratch/pids" "$HARMONIA" train \
        --data d.h5 --out limited $small --steps 100000 --save-every 200 \
        --log-every 1
    launched=$!
    wait_until 60 test -s "$(checkpoint limited 200)"
    prlimit --pid "$(cat pids/0)" --fsize=100000
    wait "$launched"
    code=$?
    seconds=-
    cp .background.out "$stdout"
    cp .background.err "$stderr"
    refused 1 "^harmonia: limited/[a-z.0-9/-]*: " \
        "a limit on the size of files ends a run, naming the file"
    check "its first checkpoint is good" \
        "$HARMONIA" info --verify "$(checkpoint limited 200)"
    check "there is no half of one" \
        sh -c '! ls -A limited/checkpoints | grep -v "^step-[0-9]*\.h5$"'
else
    skip "no prlimit here"
fi
finish
