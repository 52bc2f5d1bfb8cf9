# What the name server's hooks share. The zones live in PowerDNS's SQLite database; which binding asked for which
# record lives in one JSON file per binding under $records, on the same volume. A record set holds the values of all
# bindings that ask for its name and type. Records that no binding asked for (an admin's own) are left alone.
# shellcheck shell=bash
set -euo pipefail
# The last part of a pipeline runs in the hook itself, so that write can count and stop it.
shopt -s lastpipe
umask 077

readonly state=/var/lib/powerdns/bastide
readonly records=$state/records
readonly curl_config=/etc/powerdns/bastide-api.curl
readonly api=http://127.0.0.1:8081/api/v1/servers/localhost

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

# pdns_api METHOD PATH [JSON]: sets $answer and $status. The key comes from a file, never from the command line.
pdns_api() {
  local out
  out=$(curl -sS --max-time 20 --noproxy '*' -K "$curl_config" -w '\n%{http_code}' -X "$1" ${3:+-H 'Content-Type: application/json' --data-binary @-} "$api$2" <<<"${3:-}") || out=$'no answer from PowerDNS\n000'
  status=${out##*$'\n'}
  answer=${out%$'\n'*}
}

# read_record: sets $record to the hook's request as {zone, name, type, content, ttl}; names are absolute with a final
# dot. Refuses what PowerDNS would refuse, in words an admin can act on.
read_record() {
  record=$(jq --slurpfile zones "$state/zones.json" --from-file "$BASTIDE_MODULE/files/record.jq" "$BASTIDE_INPUT") ||
    fail "The record could not be read from the input."
  local problem
  problem=$(jq -r '.problem // ""' <<<"$record")
  [[ -z $problem ]] || refuse "$problem"
}

# serve ZONE NAME TYPE: make the record set agree with all bindings that ask for it; none left: it goes.
serve() {
  local zone=$1 name=$2 type=$3 change
  change=$(find "$records" -name '*.json' -print0 | xargs -0r cat | jq -cs --arg name "$name" --arg type "$type" '
    map(select(.name == $name and .type == $type)) as $asked
    | { rrsets: [ { name: $name, type: $type } + if $asked == [] then { changetype: "DELETE" }
        else { changetype: "REPLACE", ttl: ($asked | map(.ttl) | min),
               records: ($asked | map(.content) | unique | map({ content: ., disabled: false })) } end ] }')
  pdns_api PATCH "/zones/$zone" "$change"
  case $status in
    204) ;;
    404) [[ $change == *'"DELETE"'* ]] || fail "The zone $zone does not exist; run configure." ;;
    422) return 22 ;;
    *) fail "PowerDNS did not take $name $type ($status): $answer" ;;
  esac
  # The resolver would otherwise answer from its cache until the old TTL ends.
  rec_control wipe-cache "$name" >/dev/null 2>&1 || true
}
