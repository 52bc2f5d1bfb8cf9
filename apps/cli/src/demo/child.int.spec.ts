import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../control-plane/test/engine/eventually.js';
import { Child } from './child.js';

describe('a program of the demo', () => {
  let folder: string;
  let child: Child | undefined;
  const said: { what: string; again: boolean }[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bastide-child-'));
    said.length = 0;
  });
  afterEach(async () => {
    await child?.stop(1_000);
    rmSync(folder, { recursive: true, force: true });
  });

  const begin = (source: string): Child => {
    const script = join(folder, 'program.mjs');
    writeFileSync(script, source);
    child = new Child('it', script, [], join(folder, 'log'));
    child.keepUp((what, again) => said.push({ what, again }));
    return child;
  };
  const pids = (): number[] => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n').filter(Boolean).map(Number);

  it('is started again when it was killed, and that is said', async () => {
    begin('console.log(process.pid); setInterval(() => {}, 1000);');
    await eventually(async () => expect(pids()).toHaveLength(1));
    process.kill(pids()[0] as number, 'SIGKILL');
    await eventually(async () => expect(pids()).toHaveLength(2));
    expect(said).toEqual([{ what: 'it ended (SIGKILL)', again: true }]);
    expect(() => process.kill(pids()[1] as number, 0)).not.toThrow();
  }, 20_000);

  it('that does not stay up is given up, and that is said', async () => {
    begin('console.log(process.pid); process.exit(3);');
    await eventually(async () => expect(said.at(-1)).toEqual({ what: 'it ended (3)', again: false }), 20_000);
    expect(said).toHaveLength(5);
    expect(pids()).toHaveLength(5);
  }, 30_000);

  it('stays away once it was stopped, also when it had just ended by itself', async () => {
    const ended = begin('console.log(process.pid);');
    await eventually(async () => expect(said).toHaveLength(1));
    await ended.stop(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(pids()).toHaveLength(1);
  }, 20_000);
});
