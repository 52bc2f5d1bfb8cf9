# What the gateway's hooks share: input, files, and making Caddy agree with what is written.
# State: one JSON file per route under $routes, the source of everything; /etc/caddy/bastide.json is derived from it.
# shellcheck shell=bash
set -euo pipefail
# The last part of a pipeline runs in the hook itself, so that write can count and stop it.
shopt -s lastpipe
umask 077

readonly routes=/var/lib/bastide/gateway/routes
# shellcheck disable=SC2034  # used by the hooks that source this file
readonly site=/var/lib/bastide/gateway/site.json
# shellcheck disable=SC2034
readonly pki=/etc/caddy/pki
readonly config=/etc/caddy/bastide.json
readonly socket=/run/caddy/admin.sock

# input FILTER: one raw value of the hook's input.
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

# caddy_api METHOD PATH [BODY_FILE]: prints the answer, fails with the answer's text on an error status.
caddy_api() {
  local answer status
  answer=$(mktemp)
  status=$(curl -sS --max-time 30 --unix-socket "$socket" -o "$answer" -w '%{http_code}' -X "$1" \
    -H 'Content-Type: application/json' ${3:+--data-binary "@$3"} "http://localhost$2") || status=000
  cat "$answer"
  rm -f "$answer"
  [[ $status == 2* ]]
}

# forget_host HOST: the certificate of a name that nobody serves any more is of no use to anyone.
forget_host() {
  if find "$routes" -name '*.json' -print0 | xargs -0r cat | jq -es --arg h "$1" 'any(.[]; .host == $h)' >/dev/null; then return 0; fi
  rm -rf "/var/lib/caddy/.local/share/caddy/certificates/local/${1:?}"
}

# shellcheck disable=SC2120  # the argument is for configure
# apply: derive the configuration from site and routes, have Caddy take it without dropping a connection.
# An unusable configuration is refused by Caddy as a whole; the old one stays in force and on disk.
apply() {
  local temp
  temp=$(mktemp /etc/caddy/.candidate.XXXXXX)
  find "$routes" -maxdepth 1 -name '*.json' -print0 | sort -z | xargs -0r cat |
    jq -s --slurpfile site "$site" --from-file "$BASTIDE_MODULE/files/caddy.jq" >"$temp"
  if [[ -e $config ]] && cmp -s "$temp" "$config" && systemctl is-active --quiet caddy && [[ ${1:-} != restart ]]; then
    rm -f "$temp"
    return 0
  fi
  chown root:caddy "$temp"
  chmod 0640 "$temp"
  if systemctl is-active --quiet caddy && [[ ${1:-} != restart && -S $socket ]]; then
    if ! caddy_api POST /load "$temp"; then
      rm -f "$temp"
      fail "Caddy refused the new configuration; the old one stays in force."
    fi
    mv -f "$temp" "$config"
  else
    mv -f "$temp" "$config"
    systemctl restart caddy || fail "Caddy does not start: $(journalctl -u caddy -n 20 --no-pager -o cat | grep '^Error' | tail -n 1)"
  fi
}
