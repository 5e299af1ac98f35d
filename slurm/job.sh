# Parts of a job script: . slurm/job.sh
#
#   attend COMMAND...     runs it, and passes the signals that Slurm sends before
#                         the end of the time or a preemption on as USR1; sets
#                         status, and signalled where there was one
#   requeue_job TEXT      the job goes back into the queue, saying why; unless it
#                         was cancelled meanwhile
#   newest_of RUN         the newest checkpoint of a run, if any

# shellcheck shell=bash disable=SC2034
say() { printf '%s %s: %s\n' "$(date '+%F %T')" "${SLURM_JOB_NAME:-job}" "$*" >&2; }

child='' caught='' signalled=''
trap 'caught=yes signalled=yes; [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null' USR1 TERM INT HUP

attend() {
    "$@" &
    child=$!
    [ -z "$signalled" ] || kill -USR1 "$child"
    while # a signal ends the wait
        caught=''
        wait "$child"
        status=$?
        [ -n "$caught" ]
    do :; done
    child=''
}

requeue_job() {
    local state
    state=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T)
    if [ "$state" = RUNNING ]; then
        say "$1: back into the queue"
        scontrol requeue "$SLURM_JOB_ID"
    else # cancelled, or queued again by Slurm itself
        say "$1: the job is ${state:-gone}"
    fi
}

newest_of() {
    find "$1/checkpoints" -name 'step-????????.h5' 2>/dev/null | sort | tail -n 1
}
