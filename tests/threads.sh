# The default number of threads, where affinity, Slurm or a quota leave less
# than the machine has.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

unset SLURM_CPUS_PER_TASK OMP_NUM_THREADS
plan="train --show-plan --size 64 --ngf 4"
threads_are() {
    check "$2: threads" grep -Eq " $1 threads?; OpenBLAS" "$stdout"
}
cpus=$(nproc)
run 30 "$HARMONIA" $plan
own=$(sed -n 's/.* \([0-9]*\) threads\{0,1\}; OpenBLAS.*/\1/p' "$stdout")
note "$cpus CPUs: $own threads"
[ "$own" -gt 1 ] || skip_all "one CPU: there is nothing to leave out"
run 30 env SLURM_CPUS_PER_TASK=1 "$HARMONIA" $plan
threads_are 1 "SLURM_CPUS_PER_TASK=1"
run 30 env SLURM_CPUS_PER_TASK=9999 OMP_NUM_THREADS=1 "$HARMONIA" $plan
threads_are "$own" "more than there are, and OMP_NUM_THREADS"
run 30 taskset -c "$(taskset -pc $$ | sed 's/.*: *//; s/[-,].*//')" "$HARMONIA" $plan
threads_are 1 "bound to one CPU"
run_ranks 30 "$cpus" "$HARMONIA" $plan
threads_are 1 "a rank for each CPU"

# A control group of half a CPU, where this machine lets us make one.
group=
for folder in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
    [ -w "$folder/cgroup.procs" ] && mkdir "$folder/harmonia-$$" 2>/dev/null || continue
    group=$folder/harmonia-$$
    if echo 50000 >"$group/cpu.cfs_quota_us" || echo 50000 100000 >"$group/cpu.max"; then
        break
    fi 2>/dev/null
    rmdir "$group"
    group=
done
if [ -n "$group" ]; then
    run 60 sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group" \
        "$HARMONIA" $plan
    threads_are 1 "half a CPU in $group"
    wait_until 5 rmdir "$group" 2>/dev/null || note "$group stays"
else
    skip "no control group can be made here"
fi
finish
