/** Every name and number a lab takes on its machine, derived from the lab's name, so that labs never meet. */
import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { RuntimeError } from '../guest-runtime.port.js';

export interface LabPaths {
  /** All the runtime keeps: `<stateDir>/runtime`. */
  readonly root: string;
  /** Sparse file behind the btrfs pool. */
  readonly poolFile: string;
  /** Where the pool is mounted, inside the lab's own mount namespace only. */
  readonly pool: string;
  /**
   * `root` once more, inside the mount namespace only: guests' own ids pass here on their way to volume and seed, even
   * when the lab's folder lies below one that only root may enter (LXC insists). Its parent is a tmpfs there.
   */
  readonly view: string;
  /** Pin of the mount namespace: a file on nsfs while the lab is up. */
  readonly mountNamespace: string;
  /** One folder per guest: record, LXC config, seed. Seen through `view` it is LXC's own path. */
  readonly guests: string;
  /** What the file system cannot say about volumes. */
  readonly volumes: string;
}

export interface LabNames {
  readonly name: string;
  /** Four letters for interface names, which have 15 characters at most. */
  readonly tag: string;
  /** Network namespace that is switch and router. */
  readonly switchNamespace: string;
  readonly hostInterface: string;
  /** Transfer network between host and router: the first two usable addresses of a /30. */
  readonly hostAddress: string;
  readonly routerAddress: string;
  readonly cgroup: string;
  /** First host id of the lab's 256 ranges of 65536 ids. */
  readonly idBase: number;
  readonly paths: LabPaths;
}

/** Ranges of ids, one per guest. */
export const ID_RANGE = 65_536;
export const GUEST_SLOTS = 256;

export function labNames(name: string, stateDir: string): LabNames {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/i.test(name))
    throw new RuntimeError(`'${name}' is no name for a lab: letters, digits and dashes, 32 at most`);
  if (!isAbsolute(stateDir) || /[\s,:=\\]/.test(stateDir))
    throw new RuntimeError(`the lab's folder must be absolute and free of blanks, ',', ':' and '=': ${stateDir}`);
  const digest = createHash('sha256').update(name).digest();
  const root = join(stateDir, 'runtime');
  // 198.18.0.0/15 is set aside for benchmarks (RFC 2544), so nothing real is routed there.
  const block = digest.readUInt16BE(4) & 0x7fff;
  const address = (last: number) => `198.${18 + (block >> 14)}.${(block >> 6) & 255}.${((block & 63) << 2) + last}`;
  const tag = digest.readUInt32BE(0).toString(36).padStart(4, '0').slice(-4);
  return {
    name,
    tag,
    switchNamespace: `bastide-${name}`,
    hostInterface: `bl-${tag}`,
    hostAddress: address(1),
    routerAddress: address(2),
    cgroup: `bastide-${name}`,
    idBase: 100_000_000 + (digest.readUInt16BE(6) % 180) * GUEST_SLOTS * ID_RANGE,
    paths: {
      root,
      poolFile: join(root, 'pool.btrfs'),
      pool: join(root, 'pool'),
      view: join(root.startsWith('/media/') ? '/mnt' : '/media', `bastide-${name}`),
      mountNamespace: join(root, 'mount-namespace'),
      guests: join(root, 'guests'),
      volumes: join(root, 'volumes'),
    },
  };
}
