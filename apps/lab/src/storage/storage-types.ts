/** The kinds of storages this lab has, with the options, contents and defaults of Proxmox's plugins. */

export interface StorageType {
  /** Options that cannot change once the storage is made. */
  readonly fixed: readonly string[];
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly contents: readonly string[];
  readonly defaultContent: string;
  readonly formats: readonly string[];
  readonly shared?: true;
}

const words = (text: string) => text.split(' ').filter((word) => word !== '');
const COMMON = 'nodes disable content';
const FOLDER = 'prune-backups max-protected-backups format mkdir create-base-path create-subdirs preallocation';
const ALL = 'images rootdir vztmpl iso backup snippets import';

const kind = (
  required: string,
  optional: string,
  contents: string,
  defaultContent: string,
  formats: string,
  more: { readonly fixed?: string; readonly shared?: true } = {},
): StorageType => ({
  fixed: words(`${required} ${more.fixed ?? ''}`),
  required: words(required),
  optional: words(`${COMMON} ${optional}`),
  contents: words(contents),
  defaultContent,
  formats: words(formats),
  ...(more.shared ? { shared: true } : {}),
});

const NETWORK = `content-dirs bwlimit options snapshot-as-volume-chain ${FOLDER}`;

export const STORAGE_TYPES: Readonly<Record<string, StorageType>> = {
  dir: kind(
    'path',
    `content-dirs shared is_mountpoint bwlimit snapshot-as-volume-chain ${FOLDER}`,
    `${ALL} none`,
    'images,rootdir',
    'raw qcow2 vmdk subvol',
    { fixed: 'snapshot-as-volume-chain' },
  ),
  btrfs: kind('path', `shared is_mountpoint nocow ${FOLDER}`, `${ALL} none`, 'images,rootdir', 'raw subvol'),
  nfs: kind('server export', NETWORK, ALL, 'images', 'raw qcow2 vmdk', { shared: true, fixed: 'path' }),
  cifs: kind('server share', `${NETWORK} subdir username password domain smbversion`, ALL, 'images', 'raw qcow2 vmdk', {
    shared: true,
    fixed: 'path',
  }),
  zfspool: kind('pool', 'blocksize sparse bwlimit mountpoint', 'images rootdir', 'images,rootdir', 'raw subvol'),
  lvmthin: kind('thinpool vgname', 'bwlimit', 'images rootdir', 'images,rootdir', 'raw'),
  lvm: kind(
    'vgname',
    'shared saferemove saferemove-stepsize saferemove_throughput base tagged_only bwlimit snapshot-as-volume-chain',
    'images rootdir',
    'images',
    'raw qcow2',
    { fixed: 'base' },
  ),
};
