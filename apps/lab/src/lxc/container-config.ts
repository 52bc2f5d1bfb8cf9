/** What Proxmox makes of a container's options when it writes and reads them. */

import { completeNic } from '../guests/network-options.js';
import { normalizeTags } from '../guests/tags.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue, GuestConfig } from '../state/model.js';

/** What is known of the system in a template, by its name. */
export function ostypeOf(template: string): string {
  const name = template.split('/').at(-1) ?? '';
  return (
    /^(debian|devuan|ubuntu|centos|fedora|opensuse|archlinux|alpine|gentoo|nixos|openeuler)/.exec(name)?.[1] ??
    'unmanaged'
  );
}

export const withDefaults = (vmid: number, config: GuestConfig): GuestConfig => ({
  ...config,
  hostname: config.hostname || `CT${vmid}`,
  memory: config.memory || 512,
  swap: config.swap ?? 512,
});

/** Kept as comment lines: each gets its newline, empty ones at the end are lost. */
function describeLines(text: string): string {
  const lines = text.split('\n');
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${line}\n`).join('');
}

/** An option as it is kept; interfaces gain their address. */
export function settleOption(lab: string, vmid: number, key: string, value: ConfigValue): ConfigValue {
  if (key === 'tags') return normalizeTags(String(value));
  if (key === 'description') return describeLines(String(value));
  if (key === 'nameserver' || key === 'searchdomain') return splitList(String(value)).join(' ');
  if (/^net\d+$/.test(key)) return completeNic(lab, vmid, 'lxc', key, String(value));
  return value;
}
