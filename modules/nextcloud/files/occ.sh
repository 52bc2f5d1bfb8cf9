# Running Nextcloud's commands as its own user, and unpacking its code. Sourced after hook.sh.
# shellcheck shell=bash
VOLUME=$(jq -r '.guest.volumes.data.path // "/var/lib/nextcloud"' "$BASTIDE_INPUT")
CODE=/opt/nextcloud
# What every PHP process of Nextcloud gets: libpq and libldap verify the servers with the site's CA.
ENVIRONMENT=(NEXTCLOUD_CONFIG_DIR="$VOLUME/config" PGSSLMODE=verify-full PGSSLROOTCERT=/etc/nextcloud/database-ca.crt LDAPTLS_CACERT=/etc/nextcloud/directory-ca.crt LDAPTLS_REQCERT=demand)

# occ ARGUMENT...: for commands without secrets; stdin is handed on.
occ() { (cd "$CODE/current" && runuser -u www-data -- env "${ENVIRONMENT[@]}" php -d memory_limit=512M -d apc.enable_cli=1 occ --no-interaction "$@"); }

# A JSON call on stdin: see occ-stdin.php.
occ_stdin() { (cd "$CODE/current" && runuser -u www-data -- env "${ENVIRONMENT[@]}" php -d memory_limit=512M -d apc.enable_cli=1 /usr/local/lib/bastide/occ-stdin.php); }

installed() { [ "$(occ status --output=json 2>/dev/null | tail -n 1 | jq -r '.installed? // false' 2>/dev/null)" = true ]; }

# The code of this module's version under /opt/nextcloud/VERSION, complete or not there at all.
unpack() {
  local version archive work
  version=$(ask .instance.appVersion)
  [[ $version =~ ^[0-9.]+$ ]] || refuse "The version $version is malformed."
  if [ ! -e "$CODE/$version/.complete" ]; then
    archive=$(jq -r '.artifacts.server.path // empty' "$BASTIDE_INPUT")
    [ -r "$archive" ] || refuse "The artifact server (nextcloud-$version.tar.bz2) was not delivered."
    install -d -m 755 "$CODE"
    work=$(mktemp -d -p "$CODE" .unpack.XXXXXX)
    tar -C "$work" --no-same-owner -xjf "$archive"
    [ -e "$work/nextcloud/version.php" ] || refuse "The artifact server holds no Nextcloud."
    chmod -R u=rwX,go=rX "$work/nextcloud"
    touch "$work/nextcloud/.complete"
    rm -rf "${CODE:?}/$version"
    mv "$work/nextcloud" "$CODE/$version"
    rm -rf "$work"
  fi
  archive=$(jq -r '.artifacts.userOidc.path // empty' "$BASTIDE_INPUT")
  if [ -n "$archive" ] && [ "$(cat "$CODE/$version/.user_oidc" 2>/dev/null || true)" != "$(ask .artifacts.userOidc.sha256)" ]; then
    work=$(mktemp -d -p "$CODE" .unpack.XXXXXX)
    tar -C "$work" --no-same-owner -xzf "$archive"
    [ -e "$work/user_oidc/appinfo/info.xml" ] || refuse "The artifact userOidc holds no user_oidc."
    chmod -R u=rwX,go=rX "$work/user_oidc"
    rm -rf "$CODE/$version/apps/user_oidc"
    mv "$work/user_oidc" "$CODE/$version/apps/user_oidc"
    rm -rf "$work"
    ask .artifacts.userOidc.sha256 | place 644 root:root "$CODE/$version/.user_oidc"
  fi
  echo "$version" | place 644 root:root "$CODE/unpacked"
}

# activate VERSION
activate() {
  ln -sfn "$1" "$CODE/.current.new"
  mv -T "$CODE/.current.new" "$CODE/current"
}
