/**
 * The guest's side of running a hook; POSIX sh, given to `sh -c` with a verb and its arguments. All state is in files,
 * so that any worker, at any time, finds out what has become of a unit:
 *
 *   /var/lib/bastide/jobs/<unit>/   on disk: outlives cut, worker and reboot; root only
 *     claimed/      made by the runner in the unit itself, before the hook starts: mkdir lets one through, ever
 *     exit          `<exited|killed|dumped> <status> <result>`, written by ExecStopPost when no process of the unit is left
 *     stdout stderr output.json
 *     passed        bytes of stdout and stderr that a follower has passed on
 *     collected     made when a worker has asked for the result
 *     cancelled     made before a unit is stopped on purpose
 *   /run/bastide/<unit>/input.json  on tmpfs, 0600; gone as soon as the hook has ended
 *
 * Exactly once: systemd knows one unit of a name at a time, the lock lets one caller look and start at a time, and
 * `claimed` and `exit` stay when the unit is long forgotten.
 */
export const HOOK_SCRIPT = `set -eu; umask 077; export LC_ALL=C
verb=$1 unit=$2; shift 2
jobs=/var/lib/bastide/jobs job=/var/lib/bastide/jobs/$unit run=/run/bastide/$unit

# One word: done, running, interrupted (it began, and neither unit nor result is there) or absent. The exit file is looked
# at again after the unit, because the unit may end between the two looks.
state() {
  if [ -f "$job/exit" ]; then echo done; return; fi
  case $(systemctl is-active "$unit.service" 2>/dev/null || :) in
    active|activating|deactivating|reloading|refreshing) echo running; return ;;
  esac
  if [ -f "$job/exit" ]; then echo done
  elif [ -d "$job/claimed" ]; then echo interrupted
  else echo absent; fi
}

size() { if [ -f "$1" ]; then stat -c %s -- "$1"; else echo 0; fi; }

start() { # digest-of-input module hook seconds
  case $(state) in absent) ;; *) state; return ;; esac
  [ -x "$2/hooks/$3" ] || { echo missing; return; }
  mkdir -p -- "$jobs" /run/bastide "$job"
  fresh=/run/bastide/.$unit.$$
  trap 'rm -f -- "$fresh"' EXIT
  trap 'exit 1' HUP PIPE TERM INT
  cat > "$fresh"
  got=$(sha256sum < "$fresh")
  [ "\${got%% *}" = "$1" ] || { echo torn; return; }
  # From here on a cut connection must not stop us half-way.
  trap '' HUP PIPE TERM INT
  exec 9> "$jobs/.lock"
  flock -w 60 9 || { echo busy; return; }
  case $(state) in absent) ;; *) state; return ;; esac
  mkdir -p -- "$run"
  mv -f -- "$fresh" "$run/input.json"
  : >> "$job/stdout"; : >> "$job/stderr"
  cat > "$job/runner" <<'END'
mkdir -- "$BASTIDE_JOB/claimed" || exit 0
unset BASTIDE_JOB
exec "$BASTIDE_MODULE/hooks/$1"
END
  cat > "$job/finish" <<'END'
rm -f -- "$2/input.json"
[ -d "$1/claimed" ] && [ ! -f "$1/exit" ] || exit 0
echo "\${EXIT_CODE:-none} \${EXIT_STATUS:-none} \${SERVICE_RESULT:-none}" > "$1/exit.new"
sync -- "$1/exit.new"; [ ! -f "$1/output.json" ] || sync -- "$1/output.json"
mv -fT -- "$1/exit.new" "$1/exit"
END
  systemd-run --quiet --collect --unit="$unit" --description="Bastide: $3" --service-type=exec \\
    -p KillMode=control-group -p SendSIGKILL=yes -p TimeoutStopSec=10s -p RuntimeMaxSec="$4" -p OOMPolicy=stop \\
    -p StandardInput=null -p StandardOutput=append:"$job/stdout" -p StandardError=append:"$job/stderr" \\
    -p WorkingDirectory="$2" -p UMask=0022 -p ExecStopPost="/bin/sh $job/finish $job $run" \\
    -E BASTIDE_INPUT="$run/input.json" -E BASTIDE_OUTPUT="$job/output.json" -E BASTIDE_MODULE="$2" -E BASTIDE_JOB="$job" \\
    -E HOME=/root -E LANG=C.UTF-8 -E DEBIAN_FRONTEND=noninteractive \\
    -E PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    /bin/sh "$job/runner" "$3" </dev/null >/dev/null 2>"$job/refused" 9>&- || :
  # What systemd-run says when the unit exists already is no trouble; when nothing runs, it is the reason.
  now=$(state)
  if [ "$now" = absent ]; then rm -rf -- "$run"; tail -c 500 -- "$job/refused" >&2; fi
  echo "$now"
}

# Waits until there is something new or the unit has ended, then answers with one line of facts and the new bytes.
follow() { # stdout-from stderr-from passed-stdout passed-stderr seconds most
  [ -d "$job" ] || { echo "absent 0 0 0"; return; }
  if [ "$3" -gt 0 ] || [ "$4" -gt 0 ]; then echo "$3 $4" > "$job/passed.$$"; mv -fT -- "$job/passed.$$" "$job/passed"; fi
  until=$(($(date +%s) + $5)) nap=0.05
  while :; do
    now=$(state) out=$(size "$job/stdout") err=$(size "$job/stderr")
    [ "$now" = running ] && [ "$out" -le "$1" ] && [ "$err" -le "$2" ] && [ "$(date +%s)" -lt "$until" ] || break
    sleep $nap
    case $nap in 0.05) nap=0.1 ;; 0.1) nap=0.2 ;; *) nap=0.4 ;; esac
  done
  a=$((out - $1)); [ $a -ge 0 ] || a=0; [ $a -le "$6" ] || a=$6
  b=$((err - $2)); [ $b -ge 0 ] || b=0; [ $b -le "$6" ] || b=$6
  echo "$now $a $b $((out - $1 - a)) $((err - $2 - b))"
  [ $a -eq 0 ] || tail -c +$(($1 + 1)) -- "$job/stdout" | head -c $a
  [ $b -eq 0 ] || tail -c +$(($2 + 1)) -- "$job/stderr" | head -c $b
}

# How far followers have come, so that a later one does not say everything again, and how much there is.
passed() {
  if [ -f "$job/passed" ]; then cat -- "$job/passed"; else echo 0 0; fi
  echo "$(size "$job/stdout") $(size "$job/stderr")"
}

# The result of a unit that has ended, and the tidying up; may be asked any number of times.
collect() { # most keep
  if [ ! -f "$job/exit" ]; then
    [ "$(state)" = interrupted ] || exit 3
    echo "none none interrupted" > "$job/exit"
  fi
  rm -rf -- "$run"
  cancelled=no; [ ! -d "$job/cancelled" ] || cancelled=yes
  if [ ! -e "$job/output.json" ] && [ ! -L "$job/output.json" ]; then kind=none bytes=0
  elif [ -L "$job/output.json" ] || [ ! -f "$job/output.json" ]; then kind=odd bytes=0
  else kind=file bytes=$(size "$job/output.json"); fi
  echo "$(cat -- "$job/exit") $cancelled $kind $bytes"
  [ "$kind" != file ] || [ "$bytes" -gt "$1" ] || head -c "$1" -- "$job/output.json"
  # Pruned are jobs whose result somebody has, oldest first; the others only when surely nobody will ask any more.
  touch -- "$job/collected"
  ls -1t -- "$jobs"/*/collected 2>/dev/null | tail -n +$(($2 + 1)) | while IFS= read -r old; do rm -rf -- "\${old%/collected}"; done
  find "$jobs" -mindepth 1 -maxdepth 1 -type d -mtime +60 -exec rm -rf -- {} + || :
}

cancel() {
  case $(state) in
    absent) echo absent; return ;;
    running)
      mkdir -p -- "$job/cancelled"
      timeout 20 systemctl stop "$unit.service" 2>/dev/null || {
        systemctl kill --signal=KILL "$unit.service" 2>/dev/null || :
        timeout 10 systemctl stop "$unit.service" 2>/dev/null || :
      } ;;
  esac
  rm -rf -- "$run"
  state
}

"$verb" "$@"`;
