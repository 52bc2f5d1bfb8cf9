# Rebuilds the configuration of LemonLDAP::NG from what configure stored and from one fragment per binding. Sourced
# after hook.sh. The command line tool's `restore` from stdin is the only way in that needs no secret in argv and
# stores nothing when nothing changed (its `set` makes a new version each time).
# shellcheck shell=bash
STATE=$(jq -r '.guest.volumes.state.path // "/var/lib/bastide/identity"' "$BASTIDE_INPUT")
FRAGMENTS=$STATE/bindings
# shellcheck disable=SC2034 # for the hooks
CHECK_HOST=forward-auth.internal
LLNG=/usr/share/lemonldap-ng/bin/lemonldap-ng-cli

# Everything but the marks of a version.
essence() { jq -S 'del(.cfgNum, .cfgDate, .cfgAuthor, .cfgAuthorIP, .cfgLog, .cfgVersion)' "$1"; }

# Refuses what could not be told apart from code in an access rule.
check_groups() {
  jq -e '[.binding.request | .groups[]?, (.roles[]? | split("=")[])] | all(test("^[A-Za-z0-9][A-Za-z0-9_. -]*$"))' "$BASTIDE_INPUT" >/dev/null ||
    refuse "A group or role has a name with other characters than letters, digits, space, dot, dash and underscore."
}

# The icon of a tile, by its name, when the portal has it.
logo() {
  local icon
  icon=$(jq -r '.binding.request.tile.icon // empty | sub("\\.(png|svg)$"; "")' "$BASTIDE_INPUT")
  if [[ $icon =~ ^[a-z0-9-]+$ ]] && [ -e "/usr/share/lemonldap-ng/portal/htdocs/static/common/apps/$icon.png" ]; then
    echo "$icon.png"
  else
    echo network.png
  fi
}

rebuild() {
  local work unit=lemonldap-ng-fastcgi-server record=/var/lib/bastide/applied/lemonldap digest
  [ -s "$STATE/base.json" ] || { echo "::error configure has not run yet."; exit 1; }
  work=$(mktemp -d -p /run)
  # shellcheck disable=SC2064 # the directory's name must be fixed now
  trap "rm -rf '$work'" EXIT
  find "$FRAGMENTS" -name '*.json' -print0 | sort -z | xargs -0r cat | jq -s . >"$work/fragments.json"
  "$LLNG" save >"$work/current.json" 2>/dev/null
  jq --slurpfile base "$STATE/base.json" --slurpfile all "$work/fragments.json" \
    --rawfile privateKey "$STATE/signing.key" --rawfile publicKey "$STATE/signing.pub" \
    "\$base[0] as \$base | \$all[0] as \$fragments | $(cat "$BASTIDE_MODULE/files/llng.jq")" "$work/current.json" >"$work/next.json"
  # As files: cmp leaves at the first difference, and jq would complain that nobody reads on.
  essence "$work/next.json" >"$work/next.essence"
  essence "$work/current.json" >"$work/current.essence"
  if ! cmp -s "$work/next.essence" "$work/current.essence"; then
    "$LLNG" restore - <"$work/next.json" >/dev/null 2>&1 || true
    "$LLNG" save >"$work/stored.json" 2>/dev/null
    essence "$work/stored.json" >"$work/stored.essence"
    cmp -s "$work/next.essence" "$work/stored.essence" || {
      echo "Keys that were not stored: $(jq -rn --slurpfile a "$work/next.json" --slurpfile b "$work/stored.json" '[$a[0] | keys[] | select($a[0][.] != $b[0][.] and (startswith("cfg") | not))] | join(" ")')"
      echo "::error LemonLDAP::NG did not take the new configuration."
      exit 1
    }
    # Old versions hold old secrets and old names.
    find /var/lib/lemonldap-ng/conf -name 'lmConf-*.json' -printf '%f\n' | sort -t- -k2 -n | head -n -1 |
      while IFS= read -r old; do rm -f "/var/lib/lemonldap-ng/conf/$old"; done
  fi
  digest=$(cat "$work/next.essence" /etc/default/lemonldap-ng-fastcgi-server "$STATE/ldap-ca.crt" | sha256sum)
  if ! systemctl is-active --quiet "$unit" || [ "$(cat "$record" 2>/dev/null || true)" != "$digest" ]; then
    systemctl enable --quiet "$unit"
    systemctl restart "$unit"
    mkdir -p "${record%/*}"
    echo "$digest" >"$record"
  fi
}
