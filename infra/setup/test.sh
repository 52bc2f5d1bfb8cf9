#!/usr/bin/env bash
# Runs one kind of test: infra/setup/test.sh unit|int|e2e [jest options]. Files that failed are run once more, alone, and
# loudly: a machine that runs other things beside must not turn a whole evening's suite red, and a second failure counts.
# A run has an end in any case: jest, where it runs files in its own process, would wait for a server that a failed test left
# open (--forceExit), and a file that hangs is stopped with all its processes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
kind=$1
shift
export NODE_OPTIONS=--experimental-vm-modules
case $kind in unit) limit=15m ;; int) limit=25m ;; *) limit=45m ;; esac
# Ctrl-C reaches what a person runs; elsewhere the whole process group is ended.
[ -t 0 ] && terminal=--foreground || terminal=
run() {
  local rc=0
  # shellcheck disable=SC2086
  timeout $terminal --kill-after=20s "$1" npx jest --selectProjects "$kind" --forceExit "${@:2}" || rc=$?
  [ "$rc" -lt 124 ] || printf '\nSTOPPED: the %s tests did not end within %s\n\n' "$kind" "$1" >&2
  return "$rc"
}
run "$limit" "$@" && exit 0 || rc=$?
[ "$rc" -lt 124 ] || exit "$rc"
printf '\nRETRY: some %s tests failed; their files are run once more, one after the other\n\n' "$kind" >&2
run "$limit" --onlyFailures --runInBand
