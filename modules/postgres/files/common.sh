# What the PostgreSQL hooks share. Which binding owns which database is recorded in the cluster itself, as the comment
# "bastide:BINDING" on the role (made in one transaction with it), so it survives with the data volume and in dumps.
# A role and its database always have the same name; pg_hba.conf lets a role into that database only.
# shellcheck shell=bash
set -euo pipefail
# The last part of a pipeline runs in the hook itself, so that write can count and stop it.
shopt -s lastpipe
umask 077

# shellcheck disable=SC2034  # used by the hooks that source this file
readonly version=15 etc=/etc/postgresql/15/main unit=postgresql@15-main dumps=/var/lib/postgresql/bastide-dump

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

# sql_in DATABASE: runs the script on stdin as the superuser over the local socket. Values, above all passwords, travel
# inside the script as \set lines (see set_line), never as arguments.
sql_in() {
  (cd / && runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -f -)
}
sql() { sql_in postgres; }

# set_line NAME: a \set line that gives psql the value on stdin.
set_line() {
  local value
  value=$(cat)
  value=${value//\\/\\\\}
  printf "\\\\set %s '%s'\n" "$1" "${value//\'/\\\'}"
}

# role_of BINDING: the role (and database) of a binding, or nothing.
role_of() {
  {
    printf 'bastide:%s' "$1" | set_line mark
    echo "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = :'mark';"
  } | sql
}

# drop_role NAME: the role and its database with everything in it; nothing there is fine.
drop_role() {
  {
    printf '%s' "$1" | set_line name
    cat <<'SQL'
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SELECT format('DROP ROLE IF EXISTS %I', :'name') \gexec
SQL
  } | sql
}
