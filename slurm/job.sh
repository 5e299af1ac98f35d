# Parts of a job script: . slurm/job.sh
#
#   attend COMMAND...     runs it, and passes the signals that Slurm sends before
#                         the end of the time or a preemption on as USR1; sets
#                         status, and signalled where there was one
#   requeue_job TEXT      the job goes back into the queue, saying why; unless it
#                         was cancelled meanwhile
#   newest_of RUN         the newest checkpoint of a run, if any; fails where there
#                         are some and none can be resumed
#   rows_of FILE          its lines without comments, blank ones and what Windows
#                         leaves in a file

# shellcheck shell=bash disable=SC2034
say() { printf '%s %s: %s\n' "$(date '+%F %T')" "${SLURM_JOB_NAME:-job}" "$*" >&2; }

# Slurm's default for the barrier at the end of MPI_Init is a tree, which keeps no rank
# waiting on fewer nodes than TreeWidth (50): one that is late gets messages before it
# can take them, and dies. The ring, by which it exchanges addresses, is right.
export SLURM_PMIX_FENCE=${SLURM_PMIX_FENCE:-ring}

child='' caught='' signalled='' asked=''
trap 'caught=yes signalled=yes; ask_to_end' USR1 TERM INT HUP
# A launcher loses what comes while it starts its ranks, so it is asked each second.
ask_to_end() {
    [ -n "$child" ] && [ "$asked" != "$child" ] || return 0
    asked=$child
    while kill -USR1 "$child" && sleep 1; do :; done 2>/dev/null &
}

attend() {
    "$@" &
    child=$!
    [ -z "$signalled" ] || ask_to_end
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
    "${HARMONIA:-build/harmonia}" info --newest "$1"
}

rows_of() {
    { tr '\r' '\n' <"$1" && echo; } | LC_ALL=C sed -E 's/^(\xef\xbb\xbf)+//; s/^[[:space:]]+//
        /^#/d; s/[[:space:]]+$//; /^$/d'
}
