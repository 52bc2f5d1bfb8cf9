/** What the lab's guest image is made of. Any change here changes the digest, and with it the cached file's name. */
import { createHash } from 'node:crypto';
import type { AptSource } from './apt-sources.js';
import { guestSourcesList } from './apt-sources.js';

/** The name under which the API offers the image, whatever its digest. */
export const IMAGE_NAME = 'debian-12-bastide_12.0_amd64.tar.zst';

const PACKAGES = [
  'bash', 'ca-certificates', 'curl', 'dbus', 'iproute2', 'iputils-ping', 'jq', 'netbase', 'openssh-server', 'procps',
  'sudo', 'systemd', 'systemd-sysv', 'xz-utils', 'zstd',
] as const; // biome-ignore format: one block reads better

/** Units that have nothing to do in a guest of the lab, or fail in an unprivileged container. */
const MASKED = [
  'apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'dpkg-db-backup.timer', 'fstrim.timer',
  'console-getty.service', 'getty@.service', 'getty.target', 'systemd-udevd.service', 'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket', 'systemd-udev-trigger.service', 'systemd-networkd.service', 'systemd-journald-audit.socket',
  'sys-kernel-debug.mount', 'sys-kernel-tracing.mount', 'sys-kernel-config.mount', 'dev-hugepages.mount', 'dev-mqueue.mount',
  'proc-sys-fs-binfmt_misc.automount', 'systemd-firstboot.service', 'systemd-modules-load.service', 'systemd-sysctl.service',
] as const; // biome-ignore format: one block reads better

const FIRST_BOOT_UNIT = `[Unit]
Description=What this guest was asked to do at its first boot
ConditionPathExists=/var/lib/bastide-lab/first-boot
After=network-online.target ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /var/lib/bastide-lab/first-boot
ExecStartPost=/bin/mv /var/lib/bastide-lab/first-boot /var/lib/bastide-lab/first-boot.done
[Install]
WantedBy=multi-user.target
`;

/** Files put into the image as they are; paths are absolute in the guest. */
function files(sources: readonly AptSource[]): Readonly<Record<string, string>> {
  return {
    '/etc/apt/sources.list': guestSourcesList(sources),
    '/etc/apt/apt.conf.d/90bastide-lab':
      'Acquire::Languages "none";\nAcquire::GzipIndexes "true";\nAcquire::Retries "2";\nAPT::Install-Recommends "false";\n',
    // A lab's disk is a file that nobody pulls the plug on.
    '/etc/dpkg/dpkg.cfg.d/90bastide-lab': 'force-unsafe-io\n',
    '/etc/systemd/journald.conf.d/90-bastide-lab.conf': '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n',
    '/etc/ssh/sshd_config.d/90-bastide-lab.conf': 'PermitRootLogin prohibit-password\nUseDNS no\n',
    '/etc/default/locale': 'LANG=C.UTF-8\n',
    // These two would make nested subvolumes, which snapshots do not follow (tmpfiles.d(5), type v).
    '/etc/tmpfiles.d/systemd-nspawn.conf': '# see the image recipe\n',
    '/etc/tmpfiles.d/portables.conf': '# see the image recipe\n',
    '/etc/systemd/system/bastide-first-boot.service': FIRST_BOOT_UNIT,
  };
}

export interface ImageRecipe {
  readonly packages: readonly string[];
  /** Shell script that mmdebstrap runs with the new root as `$1`. */
  readonly customize: string;
  readonly digest: string;
}

/** `certificates`: extra authorities of the host, file name to PEM text. */
export function imageRecipe(
  sources: readonly AptSource[],
  certificates: Readonly<Record<string, string>>,
): ImageRecipe {
  const put = (path: string, content: string) =>
    `mkdir -p "$1$(dirname '${path}')"\nbase64 -d >"$1${path}" <<'END'\n${Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\n')}\nEND\n`;
  const all = {
    ...files(sources),
    ...Object.fromEntries(Object.entries(certificates).map(([n, t]) => [`/usr/local/share/ca-certificates/${n}`, t])),
  };
  const customize = [
    '#!/bin/sh',
    'set -eu',
    ...Object.entries(all).map(([path, content]) => put(path, content)),
    'chroot "$1" update-ca-certificates >/dev/null',
    `for unit in ${MASKED.join(' ')}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done`,
    'chroot "$1" systemctl enable bastide-first-boot.service ssh.service >/dev/null 2>&1',
    // Made again, for each guest its own, at its first start.
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/var/lib/dbus/machine-id "$1"/etc/resolv.conf "$1"/etc/hostname',
    ': >"$1/etc/machine-id"',
    'rm -rf "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list.d/0000sources.list',
    'rm -rf "$1"/var/log/apt/* "$1"/var/log/*.log "$1"/usr/share/man/?? "$1"/usr/share/man/??_*',
    '',
  ].join('\n');
  const digest = createHash('sha256')
    .update(JSON.stringify([PACKAGES, customize]))
    .digest('hex')
    .slice(0, 16);
  return { packages: PACKAGES, customize, digest };
}
