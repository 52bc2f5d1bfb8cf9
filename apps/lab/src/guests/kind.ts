/** What machines (qemu) and containers (lxc) are called: texts, folders, task types. */
import type { GuestType } from '../state/model.js';

export interface GuestKind {
  readonly type: GuestType;
  /** In messages. */
  readonly label: 'VM' | 'CT';
  /** Below /etc/pve/nodes/<node>/. */
  readonly folder: 'qemu-server' | 'lxc';
  /** Task types begin with it. */
  readonly prefix: 'qm' | 'vz';
}

export const KINDS: Readonly<Record<GuestType, GuestKind>> = {
  qemu: { type: 'qemu', label: 'VM', folder: 'qemu-server', prefix: 'qm' },
  lxc: { type: 'lxc', label: 'CT', folder: 'lxc', prefix: 'vz' },
};
