/** Users, groups, roles, tokens, ACLs and pools, and the one question about them: which privileges has who on a path? */
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import type { Journal } from '../state/journal.js';
import { ALL_PRIVILEGES, BUILT_IN_ROLES } from './roles.js';

export interface TokenRecord {
  readonly secretHash: string;
  privsep: 0 | 1;
  comment?: string;
  /** Unix seconds; 0 = never. */
  expire: number;
}

export interface UserRecord {
  readonly userid: string;
  enable: 0 | 1;
  expire: number;
  groups: string[];
  comment?: string;
  email?: string;
  firstname?: string;
  lastname?: string;
  keys?: string;
  passwordHash?: string;
  readonly tokens: Record<string, TokenRecord>;
}

export interface AclEntry {
  readonly path: string;
  readonly type: 'user' | 'group' | 'token';
  readonly ugid: string;
  readonly roleid: string;
  readonly propagate: 0 | 1;
}

export interface PoolRecord {
  readonly poolid: string;
  comment?: string;
  vms: number[];
  storage: string[];
}

export function hashSecret(secret: string): string {
  const salt = randomBytes(12);
  return `${salt.toString('base64')}$${scryptSync(secret, salt, 32, { N: 1024 }).toString('base64')}`;
}

export function secretMatches(hash: string, secret: string): boolean {
  const [salt = '', digest = ''] = hash.split('$');
  const expected = Buffer.from(digest, 'base64');
  return timingSafeEqual(scryptSync(secret, Buffer.from(salt, 'base64'), 32, { N: 1024 }), expected);
}

/** Privilege → whether it reaches below the path. */
export type Privileges = ReadonlyMap<string, 0 | 1>;
const NONE: Privileges = new Map();
const EVERYTHING: Privileges = new Map([...ALL_PRIVILEGES].map((privilege) => [privilege, 1]));

export class Directory {
  readonly users = new Map<string, UserRecord>();
  readonly groups = new Map<string, { comment?: string }>();
  readonly roles = new Map<string, string[]>();
  readonly pools = new Map<string, PoolRecord>();
  private acl: AclEntry[] = [];
  private byHolder = new Map<string, Map<string, AclEntry[]>>();
  private readonly cache = new Map<string, Privileges>();
  private readonly poolOf = new Map<string, string>();
  private readonly verified = new Map<string, string>();

  constructor(private readonly journal: Journal) {
    for (const [id, user] of journal.entries<UserRecord>('user')) this.users.set(id, user);
    for (const [id, group] of journal.entries<{ comment?: string }>('group')) this.groups.set(id, group);
    for (const [id, role] of journal.entries<string[]>('role')) this.roles.set(id, role);
    for (const [id, pool] of journal.entries<PoolRecord>('pool')) this.pools.set(id, pool);
    this.acl = [...journal.entries<AclEntry>('acl')].map(([, entry]) => entry);
    if (!this.users.has('root@pam'))
      this.saveUser({ userid: 'root@pam', enable: 1, expire: 0, groups: [], tokens: {} });
    this.changed();
  }

  private changed(): void {
    this.cache.clear();
    this.byHolder = new Map();
    for (const entry of this.acl) {
      const holder = `${entry.type}/${entry.ugid}`;
      const paths = this.byHolder.get(holder) ?? new Map<string, AclEntry[]>();
      paths.set(entry.path, [...(paths.get(entry.path) ?? []), entry]);
      this.byHolder.set(holder, paths);
    }
    this.poolOf.clear();
    for (const pool of this.pools.values()) {
      for (const vmid of pool.vms) this.poolOf.set(`/vms/${vmid}`, pool.poolid);
      for (const storage of pool.storage) this.poolOf.set(`/storage/${storage}`, pool.poolid);
    }
  }

  saveUser(user: UserRecord): void {
    this.users.set(user.userid, user);
    this.journal.put('user', user.userid, user);
    this.verified.clear();
    this.changed();
  }

  deleteUser(userid: string): void {
    this.users.delete(userid);
    this.journal.delete('user', userid);
    this.dropAcl((entry) => entry.ugid === userid || entry.ugid.startsWith(`${userid}!`));
    this.verified.clear();
  }

  saveGroup(id: string, group: { comment?: string }): void {
    this.groups.set(id, group);
    this.journal.put('group', id, group);
    this.changed();
  }

  deleteGroup(id: string): void {
    this.groups.delete(id);
    this.journal.delete('group', id);
    for (const user of this.users.values())
      if (user.groups.includes(id)) this.saveUser({ ...user, groups: user.groups.filter((group) => group !== id) });
    this.dropAcl((entry) => entry.type === 'group' && entry.ugid === id);
  }

  saveRole(id: string, privileges: string[]): void {
    this.roles.set(id, privileges);
    this.journal.put('role', id, privileges);
    this.changed();
  }

  deleteRole(id: string): void {
    this.roles.delete(id);
    this.journal.delete('role', id);
    this.dropAcl((entry) => entry.roleid === id);
  }

  savePool(pool: PoolRecord): void {
    this.pools.set(pool.poolid, pool);
    this.journal.put('pool', pool.poolid, pool);
    this.changed();
  }

  deletePool(id: string): void {
    this.pools.delete(id);
    this.journal.delete('pool', id);
    this.changed();
  }

  poolOfGuest(vmid: number): string | undefined {
    return this.poolOf.get(`/vms/${vmid}`);
  }

  /** A guest that was not made after all is in no pool. */
  leavePool(vmid: number): void {
    const pool = this.poolOfGuest(vmid);
    const record = pool === undefined ? undefined : this.pools.get(pool);
    if (record) this.savePool({ ...record, vms: record.vms.filter((id) => id !== vmid) });
  }

  /** What a destroyed guest leaves behind in pools and ACLs. */
  forgetGuest(vmid: number): void {
    this.leavePool(vmid);
    this.dropAcl((entry) => entry.path === `/vms/${vmid}`);
  }

  /** The same of a storage that is defined no more. */
  forgetStorage(id: string): void {
    for (const pool of [...this.pools.values()])
      if (pool.storage.includes(id)) this.savePool({ ...pool, storage: pool.storage.filter((one) => one !== id) });
    this.dropAcl((entry) => entry.path === `/storage/${id}`);
  }

  listAcl(): readonly AclEntry[] {
    return this.acl;
  }

  setAcl(entry: AclEntry): void {
    this.acl = this.acl.filter((other) => aclKey(other) !== aclKey(entry));
    this.acl.push(entry);
    this.journal.put('acl', aclKey(entry), entry);
    this.changed();
  }

  dropAcl(test: (entry: AclEntry) => boolean): void {
    const gone = this.acl.filter(test);
    if (gone.length > 0) this.acl = this.acl.filter((entry) => !test(entry));
    for (const entry of gone) this.journal.delete('acl', aclKey(entry));
    this.changed();
  }

  roleExists(id: string): boolean {
    return BUILT_IN_ROLES.has(id) || this.roles.has(id);
  }

  privilegesOfRole(id: string): Iterable<string> {
    return BUILT_IN_ROLES.get(id) ?? this.roles.get(id) ?? [];
  }

  /** Whether the secret is that of the token (`user@realm!id`); remembered, for scrypt on every request would cost too much. */
  verifyToken(tokenid: string, secret: string): boolean {
    const token = this.tokenOf(tokenid);
    if (!token) return false;
    if (this.verified.get(tokenid) === secret) return true;
    if (!secretMatches(token.secretHash, secret)) return false;
    this.verified.set(tokenid, secret);
    return true;
  }

  tokenOf(tokenid: string): TokenRecord | undefined {
    const [userid = '', name = ''] = tokenid.split('!');
    const tokens = this.users.get(userid)?.tokens;
    return tokens && Object.hasOwn(tokens, name) ? tokens[name] : undefined;
  }

  private rolesOn(holder: string, path: string): ReadonlyMap<string, 0 | 1> {
    const isToken = holder.includes('!');
    if (isToken && !this.tokenOf(holder)?.privsep) return this.rolesOn(holder.split('!')[0] ?? '', path);
    const own = this.byHolder.get(`${isToken ? 'token' : 'user'}/${holder}`);
    const groups = isToken ? [] : (this.users.get(holder)?.groups ?? []);
    let roles = new Map<string, 0 | 1>();
    const parts = path === '/' ? [''] : path.split('/');
    let current = '';
    for (const [index, part] of parts.entries()) {
      if (index > 0) current += `/${part}`;
      const final = index === parts.length - 1;
      const level = current === '' ? '/' : current;
      // A more specific level replaces what came from above; a user's own entry replaces those of the groups.
      const found = new Map<string, 0 | 1>();
      const take = (entries: readonly AclEntry[] | undefined) => {
        for (const entry of entries ?? []) if (final || entry.propagate) found.set(entry.roleid, entry.propagate);
      };
      take(own?.get(level));
      if (found.size === 0) for (const group of groups) take(this.byHolder.get(`group/${group}`)?.get(level));
      if (found.size > 0) roles = found;
    }
    return roles.has('NoAccess') ? new Map([['NoAccess', 0]]) : roles;
  }

  private ownPrivileges(holder: string, path: string): Map<string, 0 | 1> {
    const roles = this.rolesOn(holder, path);
    const result = new Map<string, 0 | 1>();
    if (roles.has('NoAccess')) return result;
    const add = (source: ReadonlyMap<string, 0 | 1>) => {
      for (const [role, propagate] of source)
        for (const privilege of this.privilegesOfRole(role))
          result.set(privilege, result.get(privilege) || propagate ? 1 : 0);
    };
    add(roles);
    // A guest or storage in a pool also has what the pool grants, though never passed on.
    const pool = this.poolOf.get(path);
    if (pool) {
      const above = this.rolesOn(holder, `/pool/${pool}`);
      if (above.has('NoAccess')) return new Map();
      add(new Map([...above.keys()].filter((role) => !roles.has(role)).map((role) => [role, 0 as const])));
    }
    return result;
  }

  /** `holder` is `user@realm` or `user@realm!token`. A token with privilege separation has what it *and* its user have. */
  privileges(holder: string, path: string): Privileges {
    if (holder === 'root@pam') return EVERYTHING;
    const key = `${holder} ${path}`;
    const cached = this.cache.get(key);
    if (cached) return cached;
    const [userid = '', tokenName] = holder.split('!');
    let result: Privileges;
    if (tokenName === undefined) result = this.users.has(userid) ? this.ownPrivileges(holder, path) : NONE;
    else {
      const token = this.tokenOf(holder);
      const users = this.privileges(userid, path);
      if (!token) result = NONE;
      else if (!token.privsep) result = users;
      else
        result = new Map(
          [...this.ownPrivileges(holder, path)].flatMap(([privilege, propagate]) => {
            const limit = users.get(privilege);
            return limit === undefined ? [] : [[privilege, limit && propagate ? 1 : 0] as const];
          }),
        );
    }
    if (this.cache.size > 200_000) this.cache.clear();
    this.cache.set(key, result);
    return result;
  }

  has(holder: string, path: string, privileges: readonly string[], any = false): boolean {
    const owned = this.privileges(holder, path);
    return any ? privileges.some((one) => owned.has(one)) : privileges.every((one) => owned.has(one));
  }
}

const aclKey = (entry: AclEntry) => `${entry.path} ${entry.type} ${entry.ugid} ${entry.roleid}`;
