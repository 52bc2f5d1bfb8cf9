# Reading and changing the tree as local root through ldapi (peer credentials, no password). Sourced after hook.sh.
# shellcheck shell=bash
DOMAIN=$(ask .site.domain)
# shellcheck disable=SC2034 # for the hooks
BASE="dc=${DOMAIN//./,dc=}"
# shellcheck disable=SC2034
BASE_LABEL=${DOMAIN%%.*}
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
