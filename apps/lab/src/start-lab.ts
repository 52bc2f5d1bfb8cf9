/** The composition root: makes a lab from options, brings its guests back, serves it. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { Directory, hashSecret } from './access/directory.js';
import { Tickets } from './access/tickets.js';
import { publishFigures } from './cluster/figures.js';
import { HaSteward } from './cluster/ha-steward.js';
import { HANDLERS } from './endpoints.js';
import { FaultBook } from './faults/fault-book.js';
import { startSampling } from './figures/rrd-handlers.js';
import { attachConsoles } from './guests/console-socket.js';
import { definitionOf } from './guests/definition.js';
import { serverCertificate } from './http/certificates.js';
import { isLoopback, LabServer } from './http/server.js';
import { JobScheduler } from './jobs/job-scheduler.js';
import type { Lab } from './lab.js';
import {
  DEFAULT_NETWORKS,
  DEFAULT_STORAGES,
  type LabOptions,
  type LabStorage,
  type RunningLab,
} from './lab-options.js';
import type { GuestRuntime } from './runtime/guest-runtime.port.js';
import { NoneRuntime } from './runtime/none/none-runtime.js';
import { realGuests } from './runtime-choice.js';
import { ClusterState } from './state/cluster-state.js';
import { holdFolder } from './state/folder-lock.js';
import { Journal } from './state/journal.js';
import { sweepFiles } from './storage/sweep-files.js';
import { Locks } from './tasks/locks.js';
import { Tasks } from './tasks/tasks.js';

const ROOT_TOKEN = 'root@pam!bastide';

/** A secret of the lab that survives restarts, readable by its owner only. */
function keptSecret(folder: string, name: string, make: () => string): string {
  const file = join(folder, name);
  if (!existsSync(file)) {
    writeFileSync(`${file}.tmp`, make(), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  }
  return readFileSync(file, 'utf8').trim();
}

function addStorages(state: ClusterState, storages: readonly LabStorage[]): void {
  for (const { id, type, content, sizeBytes = 2 ** 40, shared, nodes } of storages) {
    if (state.storages.has(id)) continue;
    const place: Record<string, string> =
      type === 'dir'
        ? { path: id === 'local' ? '/var/lib/vz' : `/mnt/${id}` }
        : type === 'lvmthin'
          ? { vgname: id, thinpool: 'data' }
          : type === 'zfspool'
            ? { pool: 'rpool/data' }
            : { path: `/mnt/${id}` };
    state.saveStorage({
      storage: id,
      type,
      content: content.join(','),
      sizeBytes,
      options: { ...place, ...(shared ? { shared: 1 } : {}), ...(nodes ? { nodes: nodes.join(',') } : {}) },
    });
  }
}

/** Archives the runtime can unpack are there from the start, as container templates and as importable disks. */
async function addImages(lab: Lab): Promise<void> {
  for (const image of await lab.runtime.images()) {
    // Proxmox's templates carry a revision: `debian-12-standard_12.7-1_amd64.tar.zst`.
    const archive = image.name.replace(/^([^_]+_[0-9.]+)_/, '$1-1_');
    for (const storage of lab.state.storages.values()) {
      for (const [content, name, format] of [
        ['vztmpl', `vztmpl/${archive}`, 'tzst'],
        ['import', `import/${archive.replace(/\.tar\.zst$/, '.qcow2')}`, 'qcow2'],
      ] as const) {
        if (!storage.content.split(',').includes(content)) continue;
        for (const node of storage.options.shared === 1 ? ['*'] : lab.nodes) {
          if (lab.state.volume(node, `${storage.storage}:${name}`)) continue;
          lab.state.saveVolume({
            storage: storage.storage,
            node,
            name,
            content,
            format,
            size: image.sizeBytes,
            used: image.sizeBytes,
            ctime: Math.floor(lab.now() / 1000),
            image: image.name,
          });
        }
      }
    }
  }
}

function addAccounts(directory: Directory, options: LabOptions, rootPassword: string, rootToken: string): void {
  const user = (userid: string) => {
    if (!directory.users.has(userid)) directory.saveUser({ userid, enable: 1, expire: 0, groups: [], tokens: {} });
    return directory.users.get(userid) as NonNullable<ReturnType<typeof directory.users.get>>;
  };
  for (const { userid, password } of [{ userid: 'root@pam', password: rootPassword }, ...(options.users ?? [])]) {
    const record = user(userid);
    if (record.passwordHash === undefined) directory.saveUser({ ...record, passwordHash: hashSecret(password) });
  }
  for (const { tokenid, secret, privsep } of [
    { tokenid: ROOT_TOKEN, secret: rootToken, privsep: false },
    ...(options.tokens ?? []),
  ]) {
    const [userid = '', name = ''] = tokenid.split('!');
    const record = user(userid);
    if (record.tokens[name]) continue;
    record.tokens[name] = { secretHash: hashSecret(secret), privsep: privsep ? 1 : 0, expire: 0 };
    directory.saveUser(record);
  }
}

/** Guests that ran before: the runtime knows which still do. */
async function adoptGuests(lab: Lab): Promise<void> {
  for (const guest of lab.state.guests.values()) {
    const { running } = guest;
    if (lab.runtime instanceof NoneRuntime) {
      if (running && !running.hollow)
        lab.runtime.adopt(guest.vmid, definitionOf(lab, guest), running.since, running.pid);
      continue;
    }
    if (running?.hollow) continue;
    const usage = await lab.runtime.usage(guest.vmid).catch(() => undefined);
    if (running && !usage?.running) {
      delete guest.running;
      lab.state.saveGuest(guest);
    } else if (!running && usage?.running) {
      guest.running = { since: lab.now() - usage.uptimeSeconds * 1000, pid: usage.pid ?? 0 };
      lab.state.saveGuest(guest);
    }
  }
}

/** Starts a lab. Rejects when the folder is in use, the address is not loopback, or the runtime cannot work here. */
export async function startLab(options: LabOptions): Promise<RunningLab> {
  const { host, port } = options.listen ?? { host: '127.0.0.1', port: 8006 };
  if (!isAbsolute(options.stateDir)) throw new Error(`stateDir must be an absolute path: ${options.stateDir}`);
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(options.name))
    throw new Error(`name must be a short lower-case name: ${options.name}`);
  if (!isLoopback(host) && !options.allowRemote)
    throw new Error(`the lab listens on loopback only; ${host} needs allowRemote (--allow-remote)`);
  mkdirSync(options.stateDir, { recursive: true });
  // Guests in a user namespace must get through to their volumes; what is secret has its own mode.
  chmodSync(options.stateDir, 0o711);
  const folder = holdFolder(options.stateDir);
  const now = options.now ?? (() => Date.now());
  const bootTime = now();
  const nodes = options.nodes ?? ['lab1'];
  const names = [
    ...new Set([...nodes, ...nodes.map((node) => `${node}.lab.test`), 'localhost', ...(isIP(host) ? [] : [host])]),
  ];
  const addresses = [
    ...new Set(['127.0.0.1', '::1', ...(isIP(host) ? [host] : []), ...nodes.map((_, index) => `127.0.0.${index + 1}`)]),
  ];
  const issue = (renew: boolean) =>
    serverCertificate(join(options.stateDir, 'certificates'), names, addresses, new Date(now()), renew);
  const uploads = join(options.stateDir, 'uploads');
  rmSync(uploads, { recursive: true, force: true });
  mkdirSync(uploads, { mode: 0o700 });
  const journal = new Journal(join(options.stateDir, 'state'));
  for (const path of sweepFiles(options.stateDir, journal)) options.log?.('half-made file removed', { path });
  const state = new ClusterState(journal);
  const faults = new FaultBook();
  const directory = new Directory(journal);
  const networks = options.networks ?? DEFAULT_NETWORKS;
  const runtime: GuestRuntime =
    options.runtime ??
    (options.guests === 'none'
      ? new NoneRuntime((vmid) => `${options.name}/${state.guests.get(vmid)?.instance ?? vmid}`, now)
      : realGuests(options));
  const stopping = new AbortController();
  let server: LabServer | undefined;
  let ha: HaSteward | undefined;
  const manager = () => {
    ha ??= new HaSteward(lab, options.haTimeScale ?? 1);
    return ha;
  };
  const lab: Lab = {
    name: options.name,
    stateDir: options.stateDir,
    nodes,
    mode: options.guests,
    networks,
    idRange: options.idRange ?? { lower: 100, upper: 1_000_000 },
    figuresLagSeconds: options.figuresLagSeconds ?? 10,
    faultsEnabled: options.faults ?? false,
    journal,
    state,
    directory,
    tickets: new Tickets(journal, now),
    tasks: new Tasks(journal, faults, options.latencies ?? {}, now, bootTime),
    locks: new Locks(),
    faults,
    runtime,
    get ha() {
      return manager();
    },
    certificate: await issue(false),
    async renewCertificate() {
      lab.certificate = await issue(true);
      server?.reloadCertificate();
    },
    now,
    bootTime,
  };
  const jobs = new JobScheduler(lab);
  addStorages(state, options.storages ?? DEFAULT_STORAGES);
  const password = keptSecret(
    options.stateDir,
    'root-password',
    () => options.rootPassword ?? randomUUID().replaceAll('-', ''),
  );
  const secret = keptSecret(options.stateDir, 'root-token', () => randomUUID());
  addAccounts(directory, options, password, secret);
  let timer: NodeJS.Timeout | undefined;
  let stopSampling = () => {};
  let consoles: { close(): void } | undefined;
  try {
    await runtime.open(networks, stopping.signal);
    await addImages(lab);
    await adoptGuests(lab);
    runtime.onExit((vmid) => {
      const guest = state.guests.get(vmid);
      if (!guest?.running) return;
      delete guest.running;
      state.saveGuest(guest);
    });
    await publishFigures(lab);
    if (lab.figuresLagSeconds > 0)
      timer = setInterval(() => void publishFigures(lab).catch(() => undefined), lab.figuresLagSeconds * 1000);
    stopSampling = startSampling(lab);
    manager().start();
    jobs.start();
    server = new LabServer(lab, HANDLERS, uploads);
    consoles = attachConsoles(lab, server.http);
    const actualPort = await server.listen(host, port);
    const serving = server;
    return {
      url: `https://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
      port: actualPort,
      get fingerprint() {
        return lab.certificate.fingerprint;
      },
      caCertificate: lab.certificate.caCertificate,
      rootToken: `${ROOT_TOKEN}=${secret}`,
      credentials: { username: 'root@pam', password },
      nodes,
      idRange: lab.idRange,
      async close({ keepGuests = false } = {}) {
        clearInterval(timer);
        stopSampling();
        consoles?.close();
        await serving.close();
        jobs.close();
        await manager().close();
        await lab.tasks.close();
        stopping.abort();
        await runtime.close({ keepGuests });
        if (!keepGuests && options.guests !== 'none') {
          for (const guest of state.guests.values()) {
            if (!guest.running) continue;
            delete guest.running;
            state.saveGuest(guest);
          }
        }
        journal.close();
        folder.release();
      },
    };
  } catch (error) {
    clearInterval(timer);
    stopSampling();
    consoles?.close();
    jobs.close();
    await ha?.close();
    stopping.abort();
    await runtime.close({ keepGuests: true }).catch(() => undefined);
    journal.close();
    folder.release();
    throw error;
  }
}
