# Parameters and optimizer state are there once on a node: the proportional set
# sizes of four ranks. HARMONIA_FULL=1: U-Net of 54.8 M parameters.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

[ -r /proc/self/smaps_rollup ] || skip_all "reads /proc/PID/smaps_rollup"
is_sanitized && skip_all "a sanitizer has its own allocator"
size=64 ngf=32
[ -n "${HARMONIA_FULL:-}" ] && size=256 ngf=64
"$HARMONIA" synth d.h5 --size $size --train 8 --test 1 2>/dev/null || exit 1

mkdir pids
background mpirun -n 4 "$rank_with_pid" "$scratch/pids" "$HARMONIA" train \
    --data d.h5 --out run --ngf $ngf --batch 4 --micro-batch 1 --threads 1 \
    --report-samples 0 --steps 10000 --save-every 10000 --log-every 1
check "four ranks train" wait_until 300 row_at_least run/log.csv 2

# one line a rank: its number; KiB in all, and of the window
for rank in 0 1 2 3; do
    pid=$(cat pids/$rank)
    awk -v rank=$rank '/^[0-9a-f]+-[0-9a-f]+ / { window = $6 ~ /osc_sm/ }
        /^Pss:/ && window { shared += $2 } /^Pss:/ { all += $2 }
        END { print rank, all, shared }' "/proc/$pid/smaps"
    awk '/^Pss:/ { print "rollup", $2 }' "/proc/$pid/smaps_rollup"
done >sizes
kill -TERM "$!" 2>/dev/null
wait "$!" 2>/dev/null

millions=$(sed -n 's/.*: \([0-9.]*\) M parameters.*/\1/p' .background.err)
check "the number of parameters is known" test -n "$millions"
awk '$1 == "rollup" { rollup += $2; next } { all += $2; window += $3
    if ($1 > 0 && $2 - $3 > own) own = $2 - $3 }
    END { print all / 1024, rollup / 1024, window / 1024, own / 1024 }' \
    sizes >sums
read -r all rollup window own <sums
one=$(awk -v m="$millions" 'BEGIN { print m * 4e6 / 1048576 }')
note "$millions M parameters are $one MiB; four ranks: $rollup MiB in all" \
    "(smaps_rollup; $all by smaps), $window MiB of it shared"
note "once: parameters, two moments, and a gradient for each of 4 ranks are" \
    "$(awk -v p="$one" 'BEGIN { print 7 * p }') MiB; a copy a rank would be" \
    "$(awk -v p="$one" 'BEGIN { print 16 * p }')"
case $window in
0) skip "this MPI's windows have another name" ;;
*) check "what is shared is 7 times the parameters, not 16 times" awk \
    -v w="$window" -v p="$one" 'BEGIN { exit !(w > 6.6 * p && w < 7.4 * p) }' ;;
esac
check "beside it no rank but 0 has room for a copy ($own MiB)" \
    awk -v own="$own" -v p="$one" 'BEGIN { exit !(own > 0 && own < p) }'
finish
