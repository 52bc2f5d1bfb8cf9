# What the Redis hooks share. One ACL user per binding; its name, key prefix and password digest live in one JSON file
# per binding under $users, on the data volume. /etc/redis/users.acl is derived from those files.
# shellcheck shell=bash
set -euo pipefail
# The last part of a pipeline runs in the hook itself, so that write can count and stop it.
shopt -s lastpipe
umask 077

readonly state=/var/lib/redis/bastide
readonly users=$state/users
readonly acl=/etc/redis/users.acl
readonly socket=/run/redis/bastide.sock
readonly operator=bastide-operator

input() { jq -er "$1" "$BASTIDE_INPUT"; }
refuse() { echo "::error $*"; exit 64; }
fail() { echo "::error $*"; exit 1; }

# write FILE MODE OWNER: stdin replaces FILE in one step; $changes counts the files whose content changed. Nothing is
# replaced when stdin is empty (its producer failed) or the disk is full.
changes=0
write() {
  local file=$1 mode=$2 owner=$3 temp
  temp=$(mktemp "$(dirname "$file")/.new.XXXXXX")
  cat >"$temp" || { rm -f "$temp"; fail "$file cannot be written."; }
  [[ -s $temp ]] || { rm -f "$temp"; fail "There is nothing to write to $file."; }
  if [[ -e $file ]] && cmp -s "$temp" "$file"; then
    rm -f "$temp"
    # The file stays as it is, down to its time: systemd takes a newer unit file for a changed one.
    temp=$file
  else
    changes=$((changes + 1))
  fi
  chown "$owner" "$temp"
  chmod "$mode" "$temp"
  [[ $temp == "$file" ]] || mv -f "$temp" "$file"
}

digest() { sha256sum | cut -d' ' -f1; }

# redis: runs the commands on stdin as the operator over the local socket, prints the answers. The password travels on
# stdin too. redis-cli does not fail on an error answer, so those are looked for.
redis() {
  local out
  # AUTH answers OK; that first line is no answer to the caller's commands.
  out=$({ printf 'AUTH %s %s\n' "$operator" "$(input '.secrets.operatorPassword')"; cat; } | timeout 60 redis-cli -s "$socket" 2>&1) || true
  if [[ ${out%%$'\n'*} != OK ]] || grep -qE '^(ERR|NOAUTH|WRONGPASS|NOPERM|OOM|MISCONF|LOADING|Could not connect|Error)\b' <<<"$out"; then
    printf '%s\n' "$out" >&2
    return 1
  fi
  tail -n +2 <<<"$out"
}

# write_acl: derive the ACL file.
# A consumer may do everything with its own keys and nothing to the server or to others: no FLUSH*, CONFIG, MONITOR,
# CLIENT KILL. KEYS stays, because PHP apps clear their cache with it; like SCAN it shows names of others' keys, never
# their content.
write_acl() {
  {
    echo 'user default off nopass resetkeys resetchannels -@all'
    printf 'user %s on #%s ~* &* +@all\n' "$operator" "$(input '.secrets.operatorPassword' | tr -d '\n' | digest)"
    find "$users" -name '*.json' -print0 | sort -z | xargs -0r cat | jq -r \
      '"user \(.username) on #\(.digest) resetkeys ~\(.keyPrefix)* resetchannels &\(.keyPrefix)* +@all -@admin -@dangerous -function -script +script|load +script|exists +keys +info"'
  } | write "$acl" 0640 redis:redis
}
