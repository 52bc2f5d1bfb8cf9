import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Proxmox } from 'proxmox-api';
import type { RunningLab } from '../../../lab/src/lab-options.js';
import type { GuestRuntime } from '../../../lab/src/runtime/guest-runtime.port.js';
import { startLab } from '../../../lab/src/start-lab.js';
import { neededRights } from '../../src/adapters/proxmox/privileges.js';
import { type ClientOptions, ProxmoxClient, type SentRequest } from '../../src/adapters/proxmox/proxmox-client.js';
import { ProxmoxSubstrate } from '../../src/adapters/proxmox/proxmox-substrate.js';
import { Tasks } from '../../src/adapters/proxmox/tasks.js';
import type { SubstrateSettings } from '../../src/domain/site/site.js';
import type { SubstrateUnderTest } from './substrate.js';
import { wallClock } from './wall-clock.js';

const STORAGE = 'local-zfs';
const TEMPLATE = 9000;
const BRIDGE = 'vmbr0';

export interface LabSubstrate extends SubstrateUnderTest {
  readonly substrate: ProxmoxSubstrate;
  readonly lab: RunningLab;
  readonly settings: SubstrateSettings;
  /** The same cluster as another control plane sees it, with connections of its own. */
  another(options?: ClientOptions): ProxmoxSubstrate;
  /** root@pam's API, for what others do. */
  readonly root: Proxmox.Api;
  /** POST /lab/faults; DELETE of all with `undefined`. */
  fault(body: Record<string, unknown> | undefined): Promise<void>;
  /** Waits for a task that root started. */
  wait(upid: unknown): Promise<void>;
}

/**
 * The lab without processes, reached with a token that has exactly the rights that the doctor's command grants. Everything
 * lies in a folder of its own, which is gone after `close`.
 */
export async function openLab(
  more: { latencies?: Record<string, number>; onRequest?: (request: SentRequest) => void; runtime?: GuestRuntime } = {},
): Promise<LabSubstrate> {
  const stateDir = mkdtempSync(join(tmpdir(), 'bastide-lab-'));
  const lab = await startLab({
    name: 'conformance',
    stateDir,
    listen: { host: '127.0.0.1', port: 0 },
    nodes: ['lab1', 'lab2'],
    guests: 'none',
    faults: true,
    figuresLagSeconds: 1,
    ...(more.latencies ? { latencies: more.latencies } : {}),
    ...(more.runtime ? { runtime: more.runtime } : {}),
  }).catch((error: unknown) => {
    rmSync(stateDir, { recursive: true, force: true });
    throw error;
  });
  const rootClient = new ProxmoxClient(
    { endpoint: lab.url, fingerprint: lab.fingerprint, token: lab.rootToken },
    wallClock,
  );
  const opened: ProxmoxSubstrate[] = [];
  const close = async () => {
    await Promise.all(opened.map((substrate) => substrate.close()));
    await rootClient.close();
    await lab.close();
    rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    const context = () => ({
      signal: new AbortController().signal,
      deadline: Date.now() + 30_000,
      fence: async () => undefined,
    });
    // One tree for the whole test run; its calls are short.
    const root = rootClient.api({ signal: new AbortController().signal, deadline: Number.MAX_SAFE_INTEGER });
    const tasks = new Tasks(rootClient, wallClock);
    const wait = (upid: unknown) => tasks.wait(String(upid), 'a task of somebody else', context());
    const images = (await root.nodes
      .$('lab1')
      .storage.$('local')
      .content.$get({ content: 'vztmpl' } as never)) as {
      volid: string;
    }[];
    const image = images[0]!.volid;
    await wait(
      await root.nodes.$('lab1').qemu.$post({
        vmid: TEMPLATE,
        name: 'template',
        memory: '512',
        scsi0: `${STORAGE}:2`,
        boot: 'order=scsi0',
      } as never),
    );
    await wait(await root.nodes.$('lab1').qemu.$(TEMPLATE).template.$post());
    for (let listed = false; !listed; await wallClock.sleep(100)) {
      const rows = (await root.cluster.resources.$get({ type: 'vm' })) as Record<string, unknown>[];
      listed = rows.some((row) => row.vmid === TEMPLATE && Number(row.template ?? 0) === 1);
    }
    const settings: SubstrateSettings = {
      kind: 'proxmox',
      endpoint: lab.url,
      fingerprint: lab.fingerprint,
      credential: 'secret:lab',
      guestIds: { from: 1000, to: 1500 },
      storageClasses: { guests: STORAGE },
      images: { 'debian-12': { container: { volume: image }, vm: { volume: `template:${TEMPLATE}` } } },
      nodes: [],
    };
    const token = await leastToken(root, settings);
    const another = (options?: ClientOptions) => {
      const made = new ProxmoxSubstrate(
        { name: 'lab', substrate: settings, bridges: [BRIDGE], token },
        wallClock,
        options,
      );
      opened.push(made);
      return made;
    };
    const substrate = another(more.onRequest ? { onRequest: more.onRequest } : {});
    const fault = (body: Record<string, unknown> | undefined) => faultCall(lab, body);
    return {
      substrate,
      another,
      lab,
      settings,
      root,
      fault,
      wait,
      close,
      image,
      node: 'lab1',
      otherNode: 'lab2',
      storage: STORAGE,
      template: `template:${TEMPLATE}`,
      bridge: BRIDGE,
      firstId: 1000,
      hand: byHand(root, wait, fault, image),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A user, a role and a token of privilege separation, as `grantCommand` makes them. */
async function leastToken(root: Proxmox.Api, settings: SubstrateSettings): Promise<string> {
  const needs = neededRights(settings, [BRIDGE], 9);
  const [user, name, role] = ['bastide@pve', 'cp', 'BastideOrchestrator'];
  await root.access.roles.$post({ roleid: role, privs: needs.flatMap((need) => need.privileges).join(',') } as never);
  await root.access.users.$post({ userid: user } as never);
  const made = (await root.access.users
    .$(user)
    .token.$(name)
    .$post({ privsep: true } as never)) as { value: string };
  for (const { path } of needs) {
    const propagate = path !== '/';
    await root.access.acl.$put({ path, roles: role, users: user, tokens: `${user}!${name}`, propagate } as never);
  }
  return `${user}!${name}=${made.value}`;
}

function byHand(
  root: Proxmox.Api,
  wait: (upid: unknown) => Promise<void>,
  fault: (body: Record<string, unknown>) => Promise<void>,
  image: string,
): SubstrateUnderTest['hand'] {
  const rows = async () => (await root.cluster.resources.$get({ type: 'vm' })) as Record<string, unknown>[];
  const find = async (vmid: number) => {
    const row = (await rows()).find((r) => r.vmid === vmid);
    if (!row) return undefined;
    const node = root.nodes.$(String(row.node));
    return row.type === 'lxc' ? node.lxc.$(vmid) : node.qemu.$(vmid);
  };
  const must = async (vmid: number) => {
    const guest = await find(vmid);
    if (!guest) throw new Error(`there is no guest ${vmid}`);
    return guest;
  };
  return {
    addStranger: async (vmid) => {
      const node = root.nodes.$('lab1');
      await wait(
        await node.lxc.$post({
          vmid,
          ostemplate: image,
          hostname: `stranger-${vmid}`,
          rootfs: `${STORAGE}:1`,
        } as never),
      );
      await wait(await node.lxc.$(vmid).status.start.$post());
    },
    remove: async (vmid) => {
      const guest = await must(vmid);
      const { status } = (await guest.status.current.$get()) as { status: string };
      if (status === 'running') await wait(await guest.status.stop.$post());
      await wait(await guest.$delete());
    },
    setLock: (vmid, lock) => fault(lock === undefined ? { effect: 'unlock', vmid } : { effect: 'lock', vmid, lock }),
    move: async (vmid, node) => {
      const guest = await must(vmid);
      await wait(await guest.migrate.$post({ target: node } as never));
    },
    copy: async (vmid, to) => {
      const guest = await must(vmid);
      await wait(await guest.clone.$post({ newid: to, full: true } as never));
    },
    look: async (vmid) => {
      const guest = await find(vmid);
      if (!guest) return undefined;
      const config = (await guest.config.$get()) as Record<string, unknown>;
      const { status } = (await guest.status.current.$get()) as { status: string };
      const name = String(config.hostname ?? config.name);
      const pending = (await guest.pending.$get()) as { key?: unknown; value?: unknown; pending?: unknown }[];
      const row = pending.find(({ key }) => key === 'searchdomain');
      const searchDomain = (row?.pending ?? row?.value) as string | undefined;
      return { running: status === 'running', name, memoryMiB: Number(config.memory ?? 512), searchDomain };
    },
    firewall: async (vmid) => {
      const { firewall } = await must(vmid);
      const options = (await firewall.options.$get()) as Record<string, unknown>;
      const found = (await firewall.rules.$get()) as Record<string, unknown>[];
      return {
        closed: Number(options.enable ?? 0) === 1 && options.policy_in === 'DROP',
        rules: found
          .filter((r) => r.type === 'in' && r.action === 'ACCEPT' && Number(r.enable ?? 0) === 1)
          .map(
            (r) => `${String(r.proto)} ${String(r.dport)} from ${typeof r.source === 'string' ? r.source : 'anywhere'}`,
          )
          .sort(),
      };
    },
    openPort: async (vmid, port) => {
      const { firewall } = await must(vmid);
      await firewall.rules.$post({
        type: 'in',
        action: 'ACCEPT',
        enable: 1,
        proto: 'tcp',
        dport: String(port),
      } as never);
    },
    leaveDisk: async (vmid) => {
      const content = root.nodes.$('lab1').storage.$(STORAGE).content;
      await content.$post({ vmid, filename: `vm-${vmid}-disk-7`, size: '1G' } as never);
    },
    volumes: async (vmid) => {
      const all = (await root.nodes.$('lab1').storage.$(STORAGE).content.$get({ vmid })) as { vmid?: unknown }[];
      return all.filter((v) => Number(v.vmid) === vmid).length;
    },
  };
}

/** Puts a fault in; takes all out with `undefined`. */
export function faultCall(
  lab: Pick<RunningLab, 'url' | 'caCertificate'>,
  body: Record<string, unknown> | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'DELETE' : 'POST';
    const call = request(`${lab.url}/lab/faults`, { method, ca: lab.caCertificate, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`faults: ${response.statusCode} ${text}`));
      });
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
