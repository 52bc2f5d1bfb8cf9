/** Paths that access control entries may hang on. */
import type { AclEntry } from './directory.js';

const ACL_PATHS = new RegExp(
  `^(?:${[
    '/',
    '/access',
    '/access/groups(?:/[A-Za-z0-9._-]+)?',
    '/access/realm(?:/[A-Za-z0-9._-]+)?',
    '/nodes(?:/[A-Za-z0-9._-]+)?',
    '/pool',
    '/pool/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2}',
    '/sdn',
    '/sdn/controllers(?:/[A-Za-z0-9_-]+)?',
    '/sdn/(?:dns|fabrics|ipams|prefix-lists|route-maps)(?:/[A-Za-z0-9]+)?',
    '/sdn/zones',
    '/sdn/zones/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?',
    '/sdn/zones/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/[1-9][0-9]{0,3}',
    '/storage(?:/[A-Za-z0-9._-]+)?',
    '/vms',
    '/vms/[1-9][0-9]{2,}',
    '/mapping',
    '/mapping/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?',
  ].join('|')})$`,
);

/** `//vms/100/` → `/vms/100`; undefined where a character cannot be part of a path. */
export function normalizeAclPath(path: string): string | undefined {
  const plain = `/${path
    .split('/')
    .filter((part) => part !== '')
    .join('/')}`;
  return path !== '' && /^[A-Za-z0-9._/-]+$/.test(plain) ? plain : undefined;
}

/** Whether entries may be made on a (normalized) path; others can only be taken away. */
export const isAclPath = (path: string): boolean => ACL_PATHS.test(path);

/** Every path of the tree that entries hang on, with those between: `/access/groups/x` brings `/access` along. */
export function aclTree(entries: readonly AclEntry[]): Set<string> {
  const paths = new Set(['/']);
  for (const { path } of entries) {
    const parts = path.split('/').filter((part) => part !== '');
    for (const index of parts.keys()) paths.add(`/${parts.slice(0, index + 1).join('/')}`);
  }
  return paths;
}
