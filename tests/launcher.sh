# Processes that a launcher started but that have not found each other are
# refused before anything is written; one alone, in a batch job too, is not.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

small_set d.h5 || exit 1
# shellcheck disable=SC2086
train="train --data d.h5 --out run $small --steps 1"

# alone VARIABLES...: train as a process of that environment
alone() {
    rm -rf run
    run 60 env "$@" "$HARMONIA" $train
}
refuses() {
    alone "$@"
    refused 1 "one of several \($1.*HARMONIA_LAUNCHER=ignore" "$*"
    check "nothing is written" test ! -e run
}
accepts() {
    alone "$@"
    exits 0 "$*"
}
refuses PMI_SIZE=4 PMI_RANK=0
refuses PMI_SIZE=4 PMI_RANK=3
refuses MV2_COMM_WORLD_SIZE=2 MV2_COMM_WORLD_RANK=0
refuses MPI_LOCALNRANKS=2 MPI_LOCALRANKID=1
refuses PMI_SIZE=2 MPI_LOCALNRANKS=1 MPI_LOCALRANKID=0
refuses PMI_RANK=1
refuses SLURM_STEP_NUM_TASKS=4 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=4
refuses SLURM_NTASKS=4 SLURM_STEP_ID=0 SLURM_PROCID=0
refuses SLURM_NTASKS=4 SLURM_PROCID=2
accepts SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_JOB_ID=7
accepts SLURM_NTASKS=4 SLURM_STEP_ID=4294967290 SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0
accepts PMI_SIZE=1 PMI_RANK=0 SLURM_STEP_NUM_TASKS=3 SLURM_STEP_ID=1
accepts PMI_SIZE=4 PMI_RANK=2 HARMONIA_LAUNCHER=ignore
accepts PMI_SIZE= PMI_RANK= MPI_LOCALNRANKS=x

for command in "eval --data d.h5 --method composite --csv table.csv" \
    "plan --nodes 1 --size 64 --ngf 4 --csv table.csv"; do
    run 30 env PMI_SIZE=2 PMI_RANK=0 "$HARMONIA" $command
    refused 1 "one of several \(PMI_SIZE=2" "${command%% *}: PMI_SIZE=2"
    check "nothing is written" test ! -e table.csv
done
rm -rf run
run_ranks 60 2 env SLURM_STEP_NUM_TASKS=3 SLURM_STEP_ID=0 PMI_SIZE=5 "$HARMONIA" $train
exits 0 "ranks that have found each other may be of any step"
run_ranks 60 1 env SLURM_STEP_NUM_TASKS=3 SLURM_STEP_ID=0 "$HARMONIA" $train --resume
exits 0 "so may one that its launcher started alone"
finish
