#!/usr/bin/env bash
# Installs what a fresh Debian 12 machine lacks to run and test Bastide: Debian packages (packages.txt) and
# the npm packages of the lock file. Idempotent: a second run only compares and ends within seconds.
#
#   infra/setup/setup.sh            everything
#   infra/setup/setup.sh --check    change nothing; exit 1 and say what is missing
#
# It never starts a service: while packages are configured, an invoke-rc.d policy that answers "not allowed"
# is in place (https://www.debian.org/doc/debian-policy/ch-opersys.html#interfacing-with-init-scripts), and
# packages that would create a database cluster or a bridge of their own are told not to first.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
say() { printf 'setup: %s\n' "$*" >&2; }
check_only=0
[ "${1:-}" = --check ] && check_only=1

# --- Debian packages ------------------------------------------------------------------------------------
if [ -r /etc/debian_version ]; then
  wanted=$(sed -e 's/#.*//' -e 's/[[:space:]].*//' "$here/packages.txt" | grep .)
  # shellcheck disable=SC2086
  have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^ii  *//p' || true)
  missing=$(comm -23 <(sort -u <<<"$wanted") <(sort -u <<<"$have") | tr '\n' ' ')
  missing=${missing% }
  if [ -n "$missing" ]; then
    if [ "$check_only" = 1 ]; then say "missing Debian packages: $missing"; exit 1; fi
    if [ "$(id -u)" != 0 ]; then
      say "missing Debian packages: $missing"
      say "not root, so they are left out: only an API-only lab, or DATABASE_URL and REDIS_URL of your own, will work."
      say "as root: apt-get install --no-install-recommends $missing"
    else
      for package in $missing; do
        say "installing $package: $(sed -n "s/^$package  *//p" "$here/packages.txt")"
      done
      # No cluster "main", no bridge lxcbr0: the control plane and the lab bring their own, under their own folders.
      mkdir -p /etc/postgresql-common/createcluster.d /etc/default
      [ -e /etc/postgresql-common/createcluster.d/bastide.conf ] ||
        printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/bastide.conf
      [ -e /etc/default/lxc-net ] || printf 'USE_LXC_BRIDGE="false"\n' >/etc/default/lxc-net
      policy=/usr/sbin/policy-rc.d
      ours=0
      if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        ours=1
      fi
      restore_policy() { if [ "$ours" = 1 ]; then rm -f $policy; fi; }
      trap restore_policy EXIT
      export DEBIAN_FRONTEND=noninteractive
      # shellcheck disable=SC2086
      apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold $missing >/tmp/bastide-setup.$$ 2>&1 || {
        apt-get update >>/tmp/bastide-setup.$$ 2>&1 || true
        # shellcheck disable=SC2086
        apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold $missing >>/tmp/bastide-setup.$$ 2>&1 || {
          tail -n 25 /tmp/bastide-setup.$$ >&2
          say "apt-get could not install: $missing (whole output: /tmp/bastide-setup.$$)"
          exit 1
        }
      }
      rm -f /tmp/bastide-setup.$$
      restore_policy
      trap - EXIT
    fi
  fi
else
  say "not Debian: install the equivalents of $here/packages.txt yourself, or give DATABASE_URL and REDIS_URL."
fi

# --- npm packages ---------------------------------------------------------------------------------------
node_major=$(node -p 'process.versions.node.split(".").slice(0, 2).join(".")' 2>/dev/null || echo none)
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null || {
  say "Node.js 20.19 or newer is needed, found: $node_major"
  exit 1
}
stamp="$root/node_modules/.bastide-lock"
if [ -f "$root/package-lock.json" ] && ! cmp -s "$root/package-lock.json" "$stamp"; then
  if [ "$check_only" = 1 ]; then say "node_modules does not match package-lock.json"; exit 1; fi
  say "installing the npm packages of package-lock.json"
  # `npm ci` insists on lock entries for every platform's optional binaries, which a partial registry mirror cannot
  # give. `npm install --no-save` takes the same versions from the lock file and leaves it alone.
  (cd "$root" && { npm ci --no-audit --no-fund --loglevel=silent || npm install --no-save --no-audit --no-fund --loglevel=error; })
  cp "$root/package-lock.json" "$stamp"
fi
