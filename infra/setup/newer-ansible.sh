#!/usr/bin/env bash
# Brings a newer Ansible with the collection community.proxmox (Debian 12 has it only inside community.general, years older)
# and the newer proxmoxer beside the machine's own, for tests of the lab. Nothing on the machine changes: the packages
# (Architecture: all, so the machine's own Python runs them) are fetched by an apt with lists and sources of its own,
# checked against Debian's keyring, and unpacked into a cache folder.
#
#   infra/setup/newer-ansible.sh      prints the folder: `python` for PYTHONPATH, `collections` for ANSIBLE_COLLECTIONS_PATH
#
# The mirror is the one the machine's own apt uses for its release. Exits 3, with the reason, where that cannot be done.
set -euo pipefail
suite=trixie
packages='ansible ansible-core python3-proxmoxer'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
say() { printf 'newer-ansible: %s\n' "$*" >&2; }
skip() { say "SKIPPED: $*"; exit 3; }

if [ "$(id -u)" = 0 ]; then cache=/var/cache/bastide; else cache=${XDG_CACHE_HOME:-$HOME/.cache}/bastide; fi
target=$cache/ansible-$suite
if [ -e "$target/complete" ]; then printf '%s\n' "$target"; exit 0; fi

[ -r /etc/debian_version ] || skip 'not Debian'
[ -r "$keyring" ] || skip "no $keyring"
# shellcheck source=/dev/null
release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v release="$release" '$2 == release && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || skip "apt has no source for $release main"

mkdir -p "$cache"
work=$(mktemp -d "$cache/ansible-$suite.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/sources" "$work/debs" "$work/new/python" "$work/new/collections"
printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$work/sources/newer.list"
apt=(-o "Dir::State=$work" -o "Dir::State::lists=$work/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$work"
  -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" -o Acquire::Languages=none
  -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false -o APT::Update::Error-Mode=any
  -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30)
if [ "$(id -u)" = 0 ]; then apt+=(-o APT::Sandbox::User=root); fi
apt-get "${apt[@]}" update >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; skip "the machine's mirror does not serve $suite"; }
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get "${apt[@]}" download $packages >"$work/log" 2>&1) ||
  { tail -n 5 "$work/log" >&2; skip "the machine's mirror lacks one of: $packages"; }

for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/unpacked"; done
modules=$work/unpacked/usr/lib/python3/dist-packages
[ -d "$modules/ansible_collections/community/proxmox" ] || skip "$suite's ansible has no community.proxmox"
mv "$modules/ansible" "$modules/proxmoxer" "$modules"/ansible_core-*.dist-info "$work/new/python/"
mkdir -p "$work/new/collections/ansible_collections/community"
mv "$modules/ansible_collections/community/proxmox" "$work/new/collections/ansible_collections/community/"
PYTHONPATH=$work/new/python /usr/bin/python3 -m ansible playbook --version >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; skip "$suite's ansible-core does not run with $(/usr/bin/python3 --version 2>&1)"; }
touch "$work/new/complete"
rm -rf "$target"
mv -T "$work/new" "$target" || [ -e "$target/complete" ]
say "$(basename -a "$work"/debs/*.deb | tr '\n' ' ')in $target"
printf '%s\n' "$target"
