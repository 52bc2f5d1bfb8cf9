import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { demoSite } from '../../../cli/src/demo/demo-site.js';
import { freePort, labFetch } from './demo.js';

const run = promisify(execFile);
const CLI = resolve('dist/apps/cli/src/main.js');
const REFUSED = 3;

/** Every refusal as an admin meets it: the real command, the real control plane, an API-only lab, nothing changed after. */
describe('what the product will not do', () => {
  const state = mkdtempSync(join(tmpdir(), 'bastide-refusals-'));
  const children: ChildProcess[] = [];
  let url = '';
  let access: { url: string; token: string; caCertificate: string; fingerprint: string };

  const start = (script: string, args: string[], env: NodeJS.ProcessEnv = {}): void => {
    const child = spawn(process.execPath, [resolve(script), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    child.stderr!.resume();
    children.push(child);
  };
  const cli = async (...words: string[]): Promise<{ code: number; text: string }> =>
    run(process.execPath, [CLI, ...words], {
      env: { ...process.env, BASTIDE_STATE_DIR: state, BASTIDE_URL: url },
    }).then(
      ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        text: error.stdout + error.stderr,
      }),
    );
  const until = async (what: string, ready: () => Promise<unknown>): Promise<void> => {
    const end = Date.now() + 90_000;
    while (!(await ready().catch(() => false))) {
      if (Date.now() > end) throw new Error(`no ${what}`);
      await delay(200);
    }
  };
  const connect = async (name: string, over: (document: string) => string, token = access.token) => {
    const file = join(state, `${name}.yaml`);
    const document = demoSite(
      { url: access.url, fingerprint: access.fingerprint, hostAddress: '10.90.0.1', network: 90 },
      `${name}.test`,
    ).replace('name: demo', `name: ${name}`);
    writeFileSync(file, over(document));
    writeFileSync(join(state, `${name}.token`), token, { mode: 0o600 });
    return cli('site', 'connect', file, '--credential', `pve-token=@${join(state, `${name}.token`)}`);
  };
  /** All that a refusal must leave as it was. */
  const world = async (): Promise<string> =>
    JSON.stringify([
      await labFetch(access, 'GET', '/cluster/resources?type=vm'),
      (await cli('stack', 'list', '--all', '--output', 'json')).text,
      (await cli('run', 'list', '--output', 'json')).text,
      (await cli('artifact', 'list', '--output', 'json')).text,
    ]);
  const refused = async (before: string, answer: { code: number; text: string }, words: RegExp[]): Promise<void> => {
    for (const word of words) expect(answer.text).toMatch(word);
    expect({ code: answer.code, text: answer.text }).toEqual({ code: REFUSED, text: expect.stringMatching(/\S/) });
    expect(answer.text).not.toMatch(/\n\s+at .*\.js:\d+/);
    expect(await world()).toBe(before);
  };

  beforeAll(async () => {
    chmodSync(state, 0o711);
    const extra = join(state, 'extra');
    cpSync('modules/redis', join(extra, 'modules/lonely'), { recursive: true });
    mkdirSync(join(extra, 'modules/interfaces'), { recursive: true });
    mkdirSync(join(extra, 'blueprints/lonely'), { recursive: true });
    const edit = (file: string, from: RegExp, to: string) =>
      writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
    // A module that needs what nobody gives.
    cpSync('modules/interfaces/redis-v1.yaml', join(extra, 'modules/interfaces/smtp-v1.yaml'));
    edit(join(extra, 'modules/interfaces/smtp-v1.yaml'), /name: redis/, 'name: smtp');
    edit(join(extra, 'modules/interfaces/smtp-v1.yaml'), / {2}defaultProvider: redis\n/, '');
    edit(join(extra, 'modules/lonely/module.yaml'), /name: redis/, 'name: lonely');
    edit(
      join(extra, 'modules/lonely/module.yaml'),
      / {2}provides:\n.*\n/,
      '  requires:\n    mail: { interface: smtp/v1 }\n',
    );
    rmSync(join(extra, 'modules/lonely/hooks/provide-keyspace'));
    rmSync(join(extra, 'modules/lonely/hooks/withdraw-keyspace'));
    writeFileSync(
      join(extra, 'blueprints/lonely/blueprint.yaml'),
      `apiVersion: bastide.dev/v1
kind: Blueprint
metadata: { name: lonely, version: 1.0.0, title: Lonely, summary: Needs mail., audience: nobody }
spec:
  modules: { lonely: { module: lonely, version: ^1 } }
  sizes: { small: {} }
`,
    );
    cpSync('blueprints/foundation', join(extra, 'blueprints/huge'), { recursive: true });
    edit(join(extra, 'blueprints/huge/blueprint.yaml'), /name: foundation/, 'name: huge');
    edit(
      join(extra, 'blueprints/huge/blueprint.yaml'),
      /small: \{\}/,
      'small: { postgres: { guests: { postgres: { memory: 9000GiB } } } }',
    );

    start('dist/apps/lab/src/main.js', [
      'start',
      '--state',
      join(state, 'lab'),
      '--port',
      '0',
      '--name',
      'refusals',
      '--lag',
      '0',
    ]);
    await until('lab', async () => {
      access = JSON.parse(readFileSync(join(state, 'lab/access.json'), 'utf8'));
      return true;
    });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    start('dist/apps/control-plane/src/main.js', [], {
      BASTIDE_STATE_DIR: state,
      BASTIDE_LISTEN: `127.0.0.1:${port}`,
      BASTIDE_LOG_LEVEL: 'warn',
      BASTIDE_MODULES: `${resolve('modules')}:${join(extra, 'modules')}`,
      BASTIDE_BLUEPRINTS: `${resolve('blueprints')}:${join(extra, 'blueprints')}`,
    });
    await until('control plane', async () => (await fetch(`${url}/api/v1/health/ready`)).ok);
    expect((await connect('demo', (text) => text)).code).toBe(0);
  }, 180_000);

  afterAll(async () => {
    for (const child of children.reverse()) {
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
    }
    rmSync(state, { recursive: true, force: true });
  }, 60_000);

  it('a requirement that nobody meets', async () => {
    const before = await world();
    await refused(before, await cli('install', 'lonely', '--yes'), [
      /binding\.unsatisfied/,
      /lonely\.mail/,
      /smtp\/v1/,
    ]);
  }, 60_000);

  it('a parameter that the blueprint does not have', async () => {
    const before = await world();
    await refused(before, await cli('install', 'team', '--set', 'colour=blue', '--yes'), [
      /parameter\.unknown/,
      /colour/,
    ]);
  }, 60_000);

  it('more memory than the site has', async () => {
    const before = await world();
    await refused(before, await cli('install', 'huge', '--yes'), [/capacity\.insufficient/, /memory/i]);
  }, 60_000);

  it('a hypervisor with another certificate than the pinned one', async () => {
    await connect('foreign', (text) => text.replace(access.fingerprint, access.fingerprint.replace(/^../, 'AA')));
    const before = await world();
    await refused(before, await cli('plan', 'team', '--site', 'foreign'), [/certificate\.foreign/, /fingerprint/i]);
  }, 60_000);

  it('an API token without a right that is needed', async () => {
    await labFetch(access, 'POST', '/access/users', { userid: 'weak@pve' });
    const { value } = await labFetch(access, 'POST', '/access/users/weak@pve/token/audit', { privsep: '0' });
    await connect('weak', (text) => text, `weak@pve!audit=${value}`);
    const before = await world();
    const doctor = await cli('doctor', 'weak');
    expect(doctor.text).toMatch(/VM\.Allocate/);
    expect(doctor.text).toMatch(/pveum/);
    expect(doctor.code).toBe(4);
    await refused(before, await cli('install', 'team', '--site', 'weak', '--yes'), [
      /permission\.missing|capacity/,
      /bastide doctor/,
    ]);
  }, 60_000);

  it('an artifact whose digest is another', async () => {
    writeFileSync(join(state, 'artifact'), 'something else');
    const before = await world();
    await refused(before, await cli('artifact', 'import', join(state, 'artifact'), '--sha256', '0'.repeat(64)), [
      /artifact\.digest_mismatch/,
      /0{64}/,
    ]);
  }, 60_000);

  it('a plan that was not the one reviewed, and one that the world has overtaken', async () => {
    const plan = JSON.parse((await cli('plan', 'team', '--output', 'json')).text);
    const before = await world();
    await refused(before, await cli('apply', plan.id, '--hash', '0'.repeat(64)), [/plan\.hash_mismatch/]);
    // The site is described anew in the meantime.
    expect((await connect('demo', (text) => text.replace('country: DE', 'country: FR'))).code).toBe(0);
    const after = await world();
    await refused(after, await cli('apply', plan.id, '--hash', plan.hash), [/plan\.stale/, /bastide plan|new plan/i]);
  }, 60_000);

  it('names that do not exist', async () => {
    const before = await world();
    for (const words of [
      ['stack', 'show', 'nowhere'],
      ['run', 'show', 'run_nowhere'],
      ['plan', 'no-such-blueprint'],
      ['doctor', 'nowhere'],
    ])
      await refused(before, await cli(...words), [/\S/]);
  }, 60_000);
});
