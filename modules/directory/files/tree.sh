# Reading and changing the tree as local root through ldapi (peer credentials, no password). Sourced after hook.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the hooks
DOMAIN=$(ask .site.domain)
# The suffix is made from the domain once and stays, whatever the site is called later: every entry, membership and access
# rule of the applications is named by it. It lies with the entries; before that it stood in the loaded configuration only.
BASE_FILE=$(jq -r '.guest.volumes.data.path // "/var/lib/ldap"' "$BASTIDE_INPUT")/bastide/base
if [ -s "$BASE_FILE" ]; then
  BASE=$(cat "$BASE_FILE")
elif [ -s /etc/ldap/bastide.loaded.ldif ]; then
  BASE=$(sed -n 's/^olcSuffix: *//p' /etc/ldap/bastide.loaded.ldif | head -n 1)
else
  BASE="dc=${DOMAIN//./,dc=}"
fi
BASE_LABEL=${BASE#dc=}
# shellcheck disable=SC2034
BASE_LABEL=${BASE_LABEL%%,*}
LOCAL=(-Q -Y EXTERNAL -H ldapi:///)

wait_for_directory() {
  local left=30
  until ldapwhoami "${LOCAL[@]}" >/dev/null 2>&1; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      journalctl -u slapd -n 20 --no-pager || true
      echo "::error The directory did not answer on ldapi within 30 seconds."
      exit 1
    fi
    sleep 1
  done
}

# exists DN
exists() { ldapsearch "${LOCAL[@]}" -LLL -o ldif-wrap=no -b "$1" -s base dn >/dev/null 2>&1; }

# Attributes on stdin. add_missing DN
add_missing() {
  if exists "$1"; then
    cat >/dev/null
  else
    { echo "dn: $1"; cat; } | ldapadd "${LOCAL[@]}" >/dev/null
  fi
}

# replace_value DN ATTRIBUTE VALUE
replace_value() {
  ldapmodify "${LOCAL[@]}" >/dev/null <<LDIF
dn: $1
changetype: modify
replace: $2
$2:: $(printf %s "$3" | base64 -w0)
LDIF
}

# The password on stdin, to be hashed by the directory. set_password DN
set_password() {
  { printf 'dn: %s\nchangetype: modify\nreplace: userPassword\nuserPassword:: ' "$1"; base64 -w0; echo; } |
    ldapmodify "${LOCAL[@]}" >/dev/null
}
