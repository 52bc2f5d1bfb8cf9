import { type ScriptedAnswer, ScriptedProxmox, type SeenRequest } from '../../../test/conformance/scripted-proxmox.js';
import { wallClock } from '../../../test/conformance/wall-clock.js';
import type { CallContext } from '../../application/substrates/substrate.port.js';
import type { GuestId } from '../../domain/ids.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { stampDescription, stampTags } from './ownership.js';
import { ProxmoxClient } from './proxmox-client.js';
import { ProxmoxSubstrate } from './proxmox-substrate.js';
import { Tasks } from './tasks.js';

const SECRET = '01fd5d75-24ba-49de-ae81-66830b4efc5f';
const TOKEN = `bastide@pve!cp=${SECRET}`;
const UPID = 'UPID:pve1:000001EB:0006D041:6B03B3B3:vzstart:104:bastide@pve!cp:';

describe('a Proxmox VE server that is ill or not the right one', () => {
  let server: ScriptedProxmox;
  const open: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    server = await ScriptedProxmox.open();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.close()));
    await server.close();
  });

  const client = (more: { fingerprint?: string; token?: string; readMs?: number } = {}) => {
    const access = {
      endpoint: server.endpoint,
      fingerprint: more.fingerprint ?? server.fingerprint,
      token: more.token ?? TOKEN,
    };
    const made = new ProxmoxClient(access, wallClock, { timeouts: { readMs: more.readMs ?? 2000, writeMs: 2000 } });
    open.push(made);
    return made;
  };
  const substrate = () => {
    const made = new ProxmoxSubstrate(
      {
        name: 'here',
        substrate: { ...SETTINGS, endpoint: server.endpoint, fingerprint: server.fingerprint },
        bridges: ['vmbr0'],
        token: TOKEN,
      },
      wallClock,
    );
    open.push(made);
    return made;
  };
  const paths = () => server.seen.map((r) => `${r.method} ${r.path}`);

  it('is refused when its certificate is not the confirmed one, before a byte of the request is sent', async () => {
    const expected = 'AA:'.repeat(31) + 'AA';
    const error = await client({ fingerprint: expected })
      .api(context())
      .version.$get()
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Refusal);
    expect((error as Refusal).problem).toMatchObject({
      code: 'certificate.foreign',
      details: { expected, found: server.fingerprint },
    });
    expect(server.seen).toEqual([]);
  });

  it('is refused without any confirmed certificate', async () => {
    const error = await client({ fingerprint: '' })
      .api(context())
      .version.$get()
      .catch((e: unknown) => e);
    expect((error as Refusal).problem.code).toBe('certificate.foreign');
    expect(server.seen).toEqual([]);
  });

  it('gets the token in its header and nowhere else', async () => {
    await client().api(context()).version.$get();
    expect(server.seen[0]?.authorization).toBe(`PVEAPIToken=${TOKEN}`);
    server.answer = () => ({ status: 500, reason: 'broken', body: '' });
    const error = await client()
      .api(context())
      .version.$get()
      .catch((e: unknown) => e);
    expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain(SECRET);
  });

  it('is asked again after a cut read, but a write is never repeated', async () => {
    server.answer = () => (server.seen.length === 1 ? { cut: true } : { body: { version: '9.2' } });
    expect(await client().api(context()).version.$get()).toMatchObject({ version: '9.2' });
    expect(paths()).toEqual(['GET /version', 'GET /version']);
    server.answer = () => ({ cut: true });
    const error = await client()
      .api(context())
      .pools.$post({ poolid: 'x' })
      .catch((e: unknown) => e);
    expect((error as WorldFailure).failure).toMatchObject({ code: 'substrate.unreachable', retryable: 'now' });
    expect(paths().filter((p) => p === 'POST /pools')).toHaveLength(1);
  });

  it('may refuse a good token for a moment while its cluster forms', async () => {
    server.answer = () =>
      server.seen.length === 1
        ? { status: 401, reason: 'Authentication failed!', body: '' }
        : { body: { version: '9.2' } };
    expect(await client().api(context()).version.$get()).toMatchObject({ version: '9.2' });
  });

  it('says what is wrong in its reason phrase when the body is empty', async () => {
    server.answer = () => ({ status: 401, reason: 'No ticket', body: '' });
    const error = await client()
      .api(context())
      .version.$get()
      .catch((e: unknown) => e);
    expect((error as Error).message).toContain('No ticket');
  });

  it('that hangs beyond the time somebody has is a missed deadline, and no fault of ours', async () => {
    server.answer = () => ({ delayMs: 3000 });
    const deadline = Date.now() + 300;
    const asked = client()
      .api(context({ signal: AbortSignal.timeout(300), deadline }))
      .version.$get();
    await expect(asked).rejects.toMatchObject({ failure: { code: 'substrate.deadline' } });
    await expect(
      client()
        .api(context({ signal: AbortSignal.timeout(100) }))
        .version.$get(),
    ).rejects.toMatchObject({ failure: { code: 'substrate.deadline' } });
  });

  it('whose list of tasks is behind has every clone waited for before an unfinished machine is taken for gone', async () => {
    const clones = ['A', 'B'].map((pid) => `UPID:pve1:0000000${pid}:0006D041:6B03B3B3:qmclone:9000:bastide@pve!cp:`);
    server.answer = ({ path }): ScriptedAnswer => {
      if (path === '/cluster/tasks') return { body: clones.map((upid) => ({ upid })) };
      if (path.endsWith('/config'))
        return { status: 500, reason: "Configuration file '104.conf' does not exist", body: '' };
      return { body: path.endsWith('/status') ? { status: 'stopped', exitstatus: 'OK' } : [] };
    };
    const left = { stamp: STAMP, node: 'pve1', kind: 'vm' as const, storage: 'tank', vmids: [104] };
    await substrate().clearGuest(left, context());
    const waited = server.seen.filter(({ path }) => path.endsWith('/status')).map(({ path }) => path.split('/')[4]);
    expect(waited.map((upid) => decodeURIComponent(upid ?? ''))).toEqual(clones);
  });

  it('that hangs is given up after the time of one call, and the sick storage is named', async () => {
    server.answer = () => ({ delayMs: 3000 });
    const hung = client({ readMs: 150 }).api(context()).nodes.$('pve1').storage.$('nfs').content.$get();
    const error = await hung.catch((e: unknown) => e);
    expect((error as WorldFailure).failure).toMatchObject({
      code: 'substrate.timeout',
      message: expect.stringContaining('storage nfs on pve1'),
    });
  });

  it('is left alone after three failures of a node in a row, while other nodes are still asked', async () => {
    server.answer = (request) =>
      request.path.startsWith('/nodes/pve1') ? { status: 595, reason: 'No route to host', body: '' } : { body: [] };
    const api = client().api(context());
    for (let n = 0; n < 3; n += 1)
      await api.nodes
        .$('pve1')
        .lxc.$get()
        .catch(() => undefined);
    const asked = server.seen.length;
    const error = await api.nodes
      .$('pve1')
      .lxc.$get()
      .catch((e: unknown) => e);
    expect((error as WorldFailure).failure).toMatchObject({ code: 'substrate.node_sick', retryable: 'later' });
    expect(server.seen).toHaveLength(asked);
    await expect(api.nodes.$('pve2').lxc.$get()).resolves.toEqual([]);
  });

  it('is not asked when the run is cancelled, and a call under way ends with the reason', async () => {
    const cancel = new AbortController();
    const reason = new Error('cancelled');
    server.answer = () => {
      setTimeout(() => cancel.abort(reason), 20);
      return { delayMs: 3000 };
    };
    const api = client().api(context({ signal: cancel.signal }));
    await expect(api.version.$get()).rejects.toBe(reason);
    await expect(api.version.$get()).rejects.toBe(reason);
    expect(server.seen).toHaveLength(1);
  });

  it('refuses a token that is none without showing it', () => {
    expect(() => client({ token: 'bastide@pve!cp:very-secret' })).toThrow(Refusal);
    try {
      client({ token: 'bastide@pve!cp:very-secret' });
    } catch (error) {
      expect((error as Error).message).not.toContain('very-secret');
    }
  });

  it('lets a task go on while its node cannot be asked, and gives its log once and in order', async () => {
    const log = ['one', 'two', 'three', 'TASK OK'].map((t, n) => ({ n: n + 1, t }));
    let polls = 0;
    server.answer = (request): ScriptedAnswer => {
      if (request.path.endsWith('/log')) {
        const start = Number(request.query.get('start'));
        return { body: log.slice(start, polls >= 4 ? undefined : 2) };
      }
      polls += 1;
      if (polls === 2) return { status: 596, reason: '', body: '' };
      return { body: polls >= 4 ? { status: 'stopped', exitstatus: 'OK' } : { status: 'running' } };
    };
    const lines: string[] = [];
    const started: string[] = [];
    const more = {
      log: (line: string) => void lines.push(line),
      taskStarted: async (task: string) => void started.push(task),
    };
    await new Tasks(client(), wallClock).run('start', async () => UPID, context(more));
    expect(lines).toEqual(['one', 'two', 'three', 'TASK OK']);
    expect(started).toEqual([UPID]);
    expect(server.seen.every((r) => r.path.includes('UPID%3Apve1%3A'))).toBe(true);
  });

  it.each([
    ['vzstart', 'OK'],
    ['vzcreate', 'WARNINGS: 1'],
  ])('ends a task %s well with %s', async (type, exit) => {
    server.answer = (r) => ({ body: r.path.endsWith('/log') ? [] : { status: 'stopped', exitstatus: exit } });
    await new Tasks(client(), wallClock).wait(UPID.replace('vzstart', type), 'work', context());
  });

  it('fails a task of which warnings may mean "not everything", with the end of its log', async () => {
    server.answer = (r) => ({
      body: r.path.endsWith('/log')
        ? [{ n: 1, t: 'WARN: volume skipped' }]
        : { status: 'stopped', exitstatus: 'WARNINGS: 1' },
    });
    const waited = new Tasks(client(), wallClock).wait(UPID.replace('vzstart', 'pbssync'), 'sync', context());
    const error = (await waited.catch((e: unknown) => e)) as WorldFailure;
    expect(error.failure).toMatchObject({ code: 'substrate.task_warned', details: { tail: ['WARN: volume skipped'] } });
  });

  it('parks an operation that meets a lost quorum, with the reason', async () => {
    server.answer = (r) =>
      r.method === 'GET'
        ? { body: guestAnswer(r) }
        : { status: 500, reason: 'cluster not ready - no quorum?', body: '' };
    const error = (await substrate()
      .startGuest(OWNED, context())
      .catch((e: unknown) => e)) as WorldFailure;
    expect(error.failure).toMatchObject({ code: 'substrate.no_quorum', retryable: 'later' });
  });

  it('is told by the volumes that a destroyed guest left, when they cannot be removed either', async () => {
    let destroyed = false;
    server.answer = (r) => {
      if (r.method === 'DELETE' && r.path === '/nodes/pve1/lxc/104') {
        destroyed = true;
        expect(Object.fromEntries(r.query)).toEqual({ purge: '1', 'destroy-unreferenced-disks': '1' });
        return { body: UPID };
      }
      if (r.method === 'DELETE') return { body: null };
      if (r.path.includes('/tasks/'))
        return { body: r.path.endsWith('/log') ? [] : { status: 'stopped', exitstatus: 'OK' } };
      if (r.path.endsWith('/content'))
        return { body: [{ volid: 'tank:subvol-104-disk-0' }, { volid: 'tank:subvol-7-disk-0' }] };
      if (destroyed && r.path === '/cluster/resources') return { body: [] };
      return { body: guestAnswer(r) };
    };
    const error = (await substrate()
      .destroyGuest(OWNED, context())
      .catch((e: unknown) => e)) as WorldFailure;
    expect(error.failure).toMatchObject({
      code: 'guest.volumes_left',
      details: { volumes: ['tank:subvol-104-disk-0'] },
    });
    // Only what stood in our guest's config was removed.
    expect(paths().filter((p) => p.startsWith('DELETE') && p.includes('content'))).toEqual([
      'DELETE /nodes/pve1/storage/tank/content/tank%3Asubvol-104-disk-0',
    ]);
  }, 30_000);

  it('allows new flows before it takes old ones away, and closes last', async () => {
    let rules = [
      { pos: 0, type: 'in', action: 'ACCEPT', enable: 1, proto: 'tcp', dport: '80', comment: 'old', digest: 'd0' },
    ];
    server.answer = (r) => {
      if (r.method === 'POST')
        rules = [
          { ...(Object.fromEntries(r.form) as never as (typeof rules)[0]), pos: 0, enable: 1, digest: 'd1' },
          ...rules,
        ].map((rule, pos) => ({ ...rule, pos, digest: 'd1' }));
      if (r.method === 'DELETE')
        rules = rules.filter((rule) => !r.path.endsWith(`/rules/${rule.pos}`)).map((rule, pos) => ({ ...rule, pos }));
      if (r.path.endsWith('/rules')) return { body: r.method === 'GET' ? rules : null };
      if (r.path.endsWith('/options')) return { body: r.method === 'GET' ? { digest: 'o1' } : null };
      return { body: guestAnswer(r) };
    };
    await substrate().setFirewall(OWNED, [{ protocol: 'tcp', port: 443, comment: 'wiki' }], context());
    expect(server.seen.filter((r) => r.method !== 'GET').map((r) => `${r.method} ${r.path.slice(-10)}`)).toEqual([
      'POST wall/rules',
      'DELETE ll/rules/1',
      'PUT ll/options',
    ]);
    expect(server.seen.find((r) => r.method === 'DELETE')?.query.get('digest')).toBe('d1');
    expect(Object.fromEntries(server.seen.at(-1)!.form)).toEqual({
      enable: '1',
      policy_in: 'DROP',
      dhcp: '0',
      ndp: '1',
      digest: 'o1',
    });
  });
});

const STAMP = { guest: 'gst_01JD0000000000000000000042' as GuestId, site: 'townhall', stack: 'office' };
const OWNED = { guest: STAMP.guest, stamp: STAMP, at: { vmid: 104, node: 'pve1', kind: 'container' as const } };
const SETTINGS = {
  kind: 'proxmox' as const,
  credential: 'secret:pve-token',
  guestIds: { from: 100, to: 200 },
  storageClasses: { guests: 'tank' },
  images: {},
  nodes: [],
};

/** What the server says of our guest 104, stopped. */
function guestAnswer(request: SeenRequest): unknown {
  if (request.path.endsWith('/config')) {
    const description = `${stampDescription(STAMP, 104, 'office/wiki/app')}\n`;
    return { description, tags: stampTags(STAMP.guest), rootfs: 'tank:subvol-104-disk-0,size=2G', digest: 'c1' };
  }
  if (request.path.endsWith('/status/current')) return { status: 'stopped' };
  return [{ type: 'lxc', vmid: 104, node: 'pve1', tags: stampTags(STAMP.guest) }];
}

function context(more: Partial<CallContext> = {}): CallContext {
  return { signal: new AbortController().signal, deadline: Date.now() + 25_000, fence: async () => undefined, ...more };
}
