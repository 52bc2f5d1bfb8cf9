#!/usr/bin/env bash
# Runs one kind of test: infra/setup/test.sh unit|int|e2e [jest options]. Files that failed are run once more, alone, and
# loudly: a machine that runs other things beside must not turn a whole evening's suite red, and a second failure counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
kind=$1
shift
export NODE_OPTIONS=--experimental-vm-modules
npx jest --selectProjects "$kind" "$@" && exit 0
printf '\nRETRY: some %s tests failed; their files are run once more, one after the other\n\n' "$kind" >&2
npx jest --selectProjects "$kind" --onlyFailures --runInBand
