/**
 * What a guest is told about itself: a folder of small files and a script that applies them, run by LXC inside the
 * guest, as the guest's root, just before its init. The lab itself never writes into a guest's file system, where a
 * link laid out by the guest could lead a root process of the host astray.
 */
import { chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestDefinition } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import { firstBootScript } from './user-data.js';

export interface SeedFacts {
  /** A value not seen on this volume before makes this a first start. */
  readonly identity?: string;
  /** `http://address:port` of the lab's apt proxy. */
  readonly aptProxy?: string;
}

/** File name in the seed → content; a missing one is left alone in the guest. */
export function seedFiles(guest: GuestDefinition, facts: SeedFacts): Record<string, string> {
  const domain = guest.searchDomain;
  const address = guest.nics.find((nic) => nic.address !== 'manual')?.address.split('/')[0] ?? '127.0.1.1';
  const files: Record<string, string> = {
    apply: APPLY,
    hostname: `${guest.hostname.split('.')[0]}\n`,
    hosts: hostsFile(guest.hostname, domain, address),
    'authorized-keys': guest.sshKeys.map((key) => `${key.trim()}\n`).join(''),
  };
  if (guest.nameservers.length > 0) {
    files['resolv.conf'] = [
      ...(domain ? [`search ${domain}`] : []),
      ...guest.nameservers.map((server) => `nameserver ${server}`),
      'options timeout:1 attempts:2',
      '',
    ].join('\n');
  }
  if (guest.user) {
    if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(guest.user)) throw new RuntimeError(`'${guest.user}' is no user name`);
    files.user = guest.user;
  }
  if (guest.passwordHash) files['password-hash'] = guest.passwordHash;
  if (facts.identity) files.identity = `${facts.identity}\n`;
  if (facts.aptProxy) files['apt-proxy'] = `Acquire::http::Proxy "${facts.aptProxy}";\n`;
  if (guest.userData) files['first-boot'] = firstBootScript(guest.userData);
  return files;
}

function hostsFile(hostname: string, domain: string | undefined, address: string): string {
  const short = hostname.split('.')[0]!;
  const full = hostname.includes('.') ? hostname : domain ? `${hostname}.${domain}` : '';
  return `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n${address} ${full ? `${full} ` : ''}${short}\n`;
}

/** Writes the seed anew, readable by the guest's root only. */
export async function writeSeed(folder: string, files: Readonly<Record<string, string>>, owner: number): Promise<void> {
  const fresh = `${folder}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(fresh, name), content, { mode: name === 'apply' ? 0o700 : 0o600 });
    await chown(join(fresh, name), owner, owner);
  }
  await chown(fresh, owner, owner);
  await chmod(fresh, 0o700);
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
}

/** Must not fail, whatever the guest's state: a guest that cannot start cannot be mended. */
const APPLY = `#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
seed=/dev/.bastide
state=/var/lib/bastide-lab
exec </dev/null >/dev/null 2>&1
# Hands a file over unless it is the same already; a dangling link in its place is replaced.
give() { cmp -s "$seed/$1" "$2" || { rm -f "$2.bastide"; cp "$seed/$1" "$2.bastide" && chmod "$3" "$2.bastide" && mv -f "$2.bastide" "$2"; }; }
mkdir -p "$state"
first=
if [ -e $seed/identity ] && ! cmp -s $seed/identity $state/identity; then
  first=1
  tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
  [ ! -e /var/lib/dbus ] || ln -sf /etc/machine-id /var/lib/dbus/machine-id
  rm -f /etc/ssh/ssh_host_*
  [ ! -e $seed/first-boot ] || cp $seed/first-boot $state/first-boot
  [ ! -e $seed/hostname ] || ssh_comment=root@$(cat $seed/hostname)
  if [ -d /etc/ssh ]; then
    ssh-keygen -q -t ed25519 -N '' -C "$ssh_comment" -f /etc/ssh/ssh_host_ed25519_key
    ssh-keygen -q -t ecdsa -N '' -C "$ssh_comment" -f /etc/ssh/ssh_host_ecdsa_key
  fi
fi
give hostname /etc/hostname 644
# Later starts keep what modules added to the host table.
if [ -n "$first" ] || [ ! -s /etc/hosts ]; then give hosts /etc/hosts 644; fi
[ ! -e $seed/resolv.conf ] || give resolv.conf /etc/resolv.conf 644
if [ -e $seed/apt-proxy ] && [ -d /etc/apt/apt.conf.d ]; then give apt-proxy /etc/apt/apt.conf.d/91bastide-proxy 644; fi
login=root
if [ -e $seed/user ]; then
  login=$(cat $seed/user)
  id -u "$login" || useradd -m -s /bin/bash "$login"
  if [ -d /etc/sudoers.d ]; then printf '%s ALL=(ALL) NOPASSWD:ALL\\n' "$login" >/etc/sudoers.d/90-bastide-lab; chmod 440 /etc/sudoers.d/90-bastide-lab; fi
fi
if [ -n "$first" ] && [ -e $seed/password-hash ]; then printf '%s:%s\\n' "$login" "$(cat $seed/password-hash)" | chpasswd -e; fi
home=$(getent passwd "$login" | cut -d: -f6)
if [ -n "$home" ] && [ -s $seed/authorized-keys ]; then
  mkdir -p "$home/.ssh"
  while read -r key; do grep -qxF "$key" "$home/.ssh/authorized_keys" || printf '%s\\n' "$key" >>"$home/.ssh/authorized_keys"; done <$seed/authorized-keys
  chmod 700 "$home/.ssh"; chmod 600 "$home/.ssh/authorized_keys"; chown -R "$login:" "$home/.ssh"
fi
[ -z "$first" ] || cp $seed/identity $state/identity
exit 0
`;
