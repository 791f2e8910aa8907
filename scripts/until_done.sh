#!/usr/bin/env bash
# Trains until the run is done: starts it, and after each death goes on from its last checkpoint. The whole of a job
# script.
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/until_done.sh [--tries N] [--requeue] -- mpirun ... lockstep train CONFIG ...

Runs the command (train, crossval, bag, sweep or resume; with mpirun, srun or nothing before it). When it dies, the same launcher
runs `lockstep resume` on the run's directory, until the run is done. That directory is --run.dir of the command, run.dir
of the configuration or LOCKSTEP_RUN_DIR, else one that is chosen here. One that holds a run already, as when a job is
requeued, is gone on with at once, unless --run.overwrite true is given.

  --tries N   give up after N deaths in a row without a new checkpoint between them (default 5)
  --requeue   in a Slurm job whose time is over: puts it back into the queue, where it goes on; not where it saved
              no checkpoint, since another time would come no further

Ends with 0 when the run is done, and with the command's own exit code where another try cannot help: 2 usage, 3 data,
4 checkpoint, 5 numerical, 126 and 127 not to be started; and 75 where the time is over: the end of a Slurm job is
near, run.max_wall_time is over, or this script was asked to stop.

TERM, INT, HUP or USR1 to this script stops the run in order, with a checkpoint and exit code 75; for the second time it is
ended at once. USR2 asks for a checkpoint alone. In a Slurm job: #SBATCH --signal=B:USR1@120, which --requeue takes for
the end of the time. scripts/slurm/ has whole job scripts.
USAGE
}

tries=5
requeue=false
while [ $# -gt 0 ]; do
    case $1 in
    --tries)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
        tries=$2
        shift 2
        ;;
    --tries=*)
        set -- --tries "${1#*=}" "${@:2}"
        ;;
    --requeue)
        requeue=true
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        break
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done

refuse() {
    printf 'until_done: %s\n' "$*" >&2
    exit 2
}
tell() { printf 'until_done: %s\n' "$*" >&2; }

if $requeue && [ -z "${SLURM_JOB_ID:-}" ]; then refuse '--requeue is for Slurm jobs; this is none'; fi

# Where the subcommand stands among the command's words: behind a program called lockstep, or else the first.
command=("$@")
at=-1
for ((i = 0; i < $#; ++i)); do
    [[ ${command[i]} =~ ^(train|crossval|bag|sweep|resume)$ ]] || continue
    if ((i > 0)) && [[ ${command[i - 1]##*/} == lockstep* ]]; then
        at=$i
        break
    fi
    ((at >= 0)) || at=$i
done
for word in "$@"; do
    [ "$word" != : ] || refuse 'several programs in one mpirun, separated by colons, cannot be gone on with'
done
((at > 0)) || refuse "no command of lockstep that trains; see --help"

# What its words say of the run.
run=${LOCKSTEP_RUN_DIR:-}
config=
overwrite=false
json=()
for ((i = at + 1; i < $#; ++i)); do
    case ${command[i]} in
    --run.dir) run=${command[i + 1]:-} ;;
    --run.dir=*) run=${command[i]#*=} ;;
    --run.overwrite) overwrite=${command[i + 1]:-} ;;
    --run.overwrite=*) overwrite=${command[i]#*=} ;;
    --json) json=(--json) ;;
    *.ini) config=${command[i]} ;;
    esac
done
if [ "${command[at]}" = resume ]; then
    run=${command[at + 1]:-}
elif [ -z "$run" ]; then
    # The value of dir in the section [run], quotes and comments aside.
    if [ -r "$config" ]; then
        run=$(awk '/^[[:space:]]*\[/ { inside = /^[[:space:]]*\[run\]/ }
                   inside && sub(/^[[:space:]]*dir[[:space:]]*=[[:space:]]*/, "") {
                       sub(/[[:space:]]*(#.*)?$/, ""); print; exit }' "$config")
        [[ $run != *[\$\"\']* ]] || refuse "$config: run.dir = $run: name the directory by --run.dir as well"
    fi
    if [ -z "$run" ]; then
        run=runs/$(basename "${config:-run}" .ini)-$(date +%Y%m%d-%H%M%S)
        command+=(--run.dir "$run")
    fi
fi
[ -n "$run" ] || refuse "which run? name its directory by --run.dir"
going_on=("${command[@]:0:at}" resume "$run" "${json[@]}")
[ "${command[at]}" != resume ] || going_on=("${command[@]}")

started=$(mktemp) || exit 1
trap 'rm -f "$started"' EXIT

# Whether the directory holds the run: one of its own, where an older one is to be replaced and this is its first start.
is_begun() {
    local file
    for file in "$run/run.json" "$run/unfinished/run.json"; do
        [ -e "$file" ] || continue
        if [ "$overwrite" != true ] || [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] || [ "$file" -nt "$started" ]; then
            return 0
        fi
    done
    return 1
}

# The newest checkpoint of each of the run's networks.
checkpoints() { readlink "$run"/checkpoints/latest "$run"/*/checkpoints/latest "$run"/*/unfinished/checkpoints/latest; }

# Whether the program says that it stopped since the time is over.
is_out_of_time() {
    local log
    for log in "$run"/metrics.jsonl "$run"/*/metrics.jsonl "$run"/*/unfinished/metrics.jsonl; do
        [ "$log" -nt "$started" ] || continue
        tail -n 1 "$log" | grep -qE '"stopped_by":"(job_end|max_wall_time)"' && return 0
    done
    return 1
}

# Whether the process has a handler for USR1 or waits for it: mpirun and srun hand it down, others would die of it.
catches_usr1() {
    local usr1=$((1 << ($(kill -l USR1) - 1)))
    local masks
    masks=$(awk '/^Sig(Cgt|Blk):/ { print $2 }' "/proc/$child/status" 2>/dev/null)
    for mask in $masks; do
        (((16#$mask & usr1) == 0)) || return 0
    done
    return 1
}

# Ends with 75, and where the time is over, the job is put back into the queue. A job of an array by its own name: the
# number of one of them is that of the whole array, too.
is_time_over=false
leave_for_later() {
    local job=${SLURM_JOB_ID:-}
    [ -z "${SLURM_ARRAY_JOB_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    if $requeue && $is_time_over; then
        if [ "$(checkpoints 2>/dev/null)" = "$checkpoints_before" ]; then
            tell "no checkpoint was saved in this time, so that another would come no further: not requeued"
        elif scontrol requeue "$job"; then
            tell "job $job is in the queue again"
        else
            tell "scontrol could not requeue job $job; submit it again to go on"
        fi
    fi
    exit 75
}

child=
stops=0
is_interrupted=false
stop() {
    is_interrupted=true
    stops=$((stops + 1))
    [ -n "$child" ] || return
    if ((stops == 1)) && catches_usr1; then
        kill -USR1 "$child" 2>/dev/null
    else
        kill -TERM "$child" 2>/dev/null
    fi
}
save() {
    is_interrupted=true
    if [ -n "$child" ] && catches_usr1; then kill -USR2 "$child" 2>/dev/null; fi
}
trap stop TERM INT HUP
trap 'is_time_over=true; stop' USR1
trap save USR2

# Its exit code is left in `code`. A process group of its own: Ctrl-C reaches this script alone, which passes it on.
attempt() {
    local again
    set -m
    "$@" </dev/null &
    child=$!
    set +m
    ((stops == 0)) || kill -TERM "$child"
    is_interrupted=false
    wait "$child"
    code=$?
    while $is_interrupted; do
        # It was the signal that ended the waiting, not the command.
        is_interrupted=false
        wait "$child"
        again=$?
        [ $again -eq 127 ] || code=$again
    done
    child=
}

failures=0
checkpoints_before=$(checkpoints 2>/dev/null)
for ((number = 1; ; ++number)); do
    if is_begun; then words=("${going_on[@]}"); else words=("${command[@]}"); fi
    before=$(checkpoints 2>/dev/null)
    tell "attempt $number: ${words[*]}"
    attempt "${words[@]}"
    case $code in
    0)
        tell "done: $run"
        exit 0
        ;;
    2 | 3 | 4 | 5 | 126 | 127)
        tell "exit code $code: another try cannot help"
        exit "$code"
        ;;
    esac
    if ((stops > 0)); then
        # Whether it could save a checkpoint in time or not: the same command goes on another time.
        tell "exit code $code, and stopped as asked; the same command goes on another time"
        leave_for_later
    fi
    if [ "$code" -eq 75 ] && is_out_of_time; then
        tell "exit code 75: the time is over; the same command goes on another time"
        is_time_over=true
        leave_for_later
    fi
    if [ "$(checkpoints 2>/dev/null)" = "$before" ]; then failures=$((failures + 1)); else failures=0; fi
    if ((failures >= tries)); then
        tell "exit code $code; $failures deaths in a row without a new checkpoint: giving up"
        exit "$code"
    fi
    tell "exit code $code; $([ $failures -eq 0 ] && echo "checkpoints were saved" || echo "no new checkpoint"): going on"
    ((failures == 0)) || sleep "$failures"
    if ((stops > 0)); then
        tell "stopped as asked; the same command goes on another time"
        leave_for_later
    fi
done
