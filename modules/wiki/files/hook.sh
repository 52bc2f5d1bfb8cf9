# What every hook of this module starts with: strict mode, the input, files in one move, restarts only on change.
# Sourced, never run. Secrets travel by pipe and by files under /run (tmpfs), never by argv or environment.
# shellcheck shell=bash
set -euo pipefail
umask 077
: "${BASTIDE_INPUT:?}" "${BASTIDE_OUTPUT:?}" "${BASTIDE_MODULE:?}"

# The value at a jq path of the input; stops the hook when it is not there.
ask() { jq -er "$1" "$BASTIDE_INPUT"; }

# Ends the hook as a refusal that the admin reads.
refuse() {
  echo "::error $*"
  exit 64
}

# Stdin becomes the file in one move; an identical file is left alone. place MODE OWNER:GROUP PATH
place() {
  local temporary
  [ -d "${3%/*}" ] || install -d -m 755 "${3%/*}"
  temporary=$(mktemp "$3.XXXXXX")
  cat >"$temporary"
  chown "$2" "$temporary"
  chmod "$1" "$temporary"
  if cmp -s "$temporary" "$3" && [ "$(stat -c %a:%U:%G "$temporary")" = "$(stat -c %a:%U:%G "$3")" ]; then
    rm -f "$temporary"
  else
    mv -f "$temporary" "$3"
  fi
}

# Restarts a unit unless it already runs with exactly these files. The record is written after the restart, so a
# hook that died in between is made good by the next one. apply UNIT FILE...
apply() {
  local unit=$1 digest record=/var/lib/bastide/applied/$1
  shift
  digest=$(cat -- "$@" | sha256sum)
  if systemctl is-active --quiet "$unit" && [ "$(cat "$record" 2>/dev/null || true)" = "$digest" ]; then return; fi
  systemctl enable --quiet "$unit"
  systemctl restart "$unit"
  mkdir -p "${record%/*}"
  echo "$digest" >"$record"
}

# Installs Debian packages; 75 when another package run or the package source is in the way.
apt_install() {
  local log missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp -p /run)
  if ! apt_run "$log" && grep -qE 'Unable to locate package|has no installation candidate|404 +Not Found' "$log"; then
    apt-get -o DPkg::Lock::Timeout=60 update || true
    apt_run "$log" || true
  fi
  for package in "${missing[@]}"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
      if grep -qE 'Could not get lock|Unable to acquire the dpkg|Failed to fetch|Unable to fetch|Temporary failure|Could not (resolve|connect)|Unable to locate package' "$log"; then
        rm -f "$log"
        echo "::notice The package source cannot be used right now; trying again later."
        exit 75
      fi
      rm -f "$log"
      echo "::error Package $package could not be installed; see the log."
      exit 1
    fi
  done
  rm -f "$log"
}

apt_run() {
  apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Options::=--force-confold "${missing[@]}" 2>&1 | tee "$1"
}
