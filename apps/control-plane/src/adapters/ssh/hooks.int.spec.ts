import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { codeOf, guestShellConformance, moduleOf, shellContext } from '../../../test/conformance/guest-shell.js';
import { LabGuest, noRealGuests } from '../../../test/conformance/lab-guest.js';
import { FaultyWire } from '../../../test/conformance/private-sshd.js';
import type { GuestTarget, HookJob } from '../../application/guests/guest-shell.port.js';
import { unitName } from './hook-run.js';
import { SshGuestShell } from './ssh-guest-shell.js';

// Hooks need a guest with systemd: a container of a lab of the test's own (root and LXC).
const lack = await noRealGuests();
if (lack !== undefined) console.warn(`SKIPPED: hooks on a real guest:\n${lack}`);
const suite = lack === undefined ? describe : describe.skip;
jest.setTimeout(120_000);

suite('hooks on a real guest', () => {
  let guest: LabGuest;
  let shell: SshGuestShell;
  const wires: FaultyWire[] = [];

  beforeAll(async () => {
    guest = await LabGuest.start(`hooks-${process.pid}`);
    await connect().waitReady(guest.target, shellContext());
  }, 400_000);
  afterAll(async () => {
    shell?.close();
    await guest?.close();
  }, 120_000);
  beforeEach(() => {
    shell = connect();
  });
  afterEach(async () => {
    shell.close();
    for (const wire of wires.splice(0)) await wire.close();
  });

  /** A worker of its own: no connection, no memory of earlier ones. */
  function connect(): SshGuestShell {
    return new SshGuestShell({ privateKey: guest.privateKey });
  }
  const wired = async (): Promise<{ wire: FaultyWire; target: GuestTarget }> => {
    const wire = await FaultyWire.to(22, guest.target.address);
    wires.push(wire);
    return { wire, target: { ...guest.target, address: '127.0.0.1', port: wire.port } };
  };
  const jobOf = async (bash: string, input: unknown = {}): Promise<HookJob> => ({
    unit: `run_${randomUUID()}.configure@1`,
    moduleDirectory: await shell.deliver(guest.target, await moduleOf({ configure: { bash } }), shellContext()),
    hook: 'configure',
    input,
  });

  guestShellConformance('SshGuestShell', () => ({ shell, target: guest.target, know: () => {} }));

  it('S5: a connection that is cut one second into a mutating hook: it runs exactly once, and its result is collected', async () => {
    const { wire, target } = await wired();
    const mark = `/root/${randomUUID()}`;
    const job = await jobOf(
      `echo begun; echo x >> ${mark}; sleep 2; echo ended; echo '{"outputs":{"n":1}}' > "$BASTIDE_OUTPUT"`,
    );
    const said: string[] = [];
    const outcome = shell.runHook(
      target,
      job,
      shellContext({ log: (lines) => said.push(...lines.map((line) => line.text)) }),
    );
    setTimeout(() => wire.cut(), 1_000);
    expect(await outcome).toEqual({ exitCode: 0, output: { outputs: { n: 1 } }, tail: ['begun', 'ended'] });
    expect(await guest.sh(`cat ${mark}`)).toBe('x\n');
    expect(said).toEqual(['begun', 'ended']);
    expect(wire.connections).toBe(2);
  });

  it('S5: cut at any moment of the start, it still runs exactly once', async () => {
    const mark = `/root/${randomUUID()}`;
    for (let bytes = 3_000; bytes <= 30_000; bytes += 1_500) {
      const { wire, target } = await wired();
      const job = await jobOf(`echo ${bytes} >> ${mark}`, { filler: 'x'.repeat(10_000) });
      wire.breakAfter = bytes;
      expect((await shell.runHook(target, job, shellContext())).exitCode).toBe(0);
      shell.forget(target.guest);
    }
    const runs = (await guest.sh(`cat ${mark}`)).trim().split('\n');
    expect(runs).toHaveLength(19);
    expect(new Set(runs).size).toBe(19);
  });

  it('a worker that dies: another one follows the same unit, repeats no line, and collects the result', async () => {
    const mark = `/root/${randomUUID()}`;
    const job = await jobOf(`echo one; echo x >> ${mark}; sleep 2; echo two; echo '::error no luck'; exit 9`);
    const first: string[] = [];
    const abort = new AbortController();
    const dead = shell.runHook(
      guest.target,
      job,
      shellContext({ signal: abort.signal, log: (lines) => first.push(...lines.map((line) => line.text)) }),
    );
    dead.catch(() => {});
    while (first.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 500)); // a question later the guest knows how far it came
    abort.abort(new Error('killed'));
    shell.close();

    const heir = connect();
    const second: string[] = [];
    const outcome = await heir.runHook(
      guest.target,
      job,
      shellContext({ log: (lines) => second.push(...lines.map((line) => line.text)) }),
    );
    heir.close();
    expect(outcome).toEqual({ exitCode: 9, error: 'no luck', tail: ['one', 'two', 'no luck'] });
    expect(first).toEqual(['one']);
    expect(second.filter((line) => line !== 'one')).toEqual(['two', 'no luck']);
    expect(await guest.sh(`cat ${mark}`)).toBe('x\n');
  });

  it('two workers that start the same unit at once start it once', async () => {
    const mark = `/root/${randomUUID()}`;
    const job = await jobOf(`echo x >> ${mark}; sleep 0.3`);
    const workers = Array.from({ length: 6 }, connect);
    const outcomes = await Promise.all(workers.map((worker) => worker.runHook(guest.target, job, shellContext())));
    for (const worker of workers) worker.close();
    expect(outcomes.map((one) => one.exitCode)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await guest.sh(`cat ${mark}`)).toBe('x\n');
  });

  it('the hook finds its surroundings; its input is its own and gone afterwards', async () => {
    const job = await jobOf(
      'stat -f -c %T "$BASTIDE_INPUT"; stat -c %a:%U "$BASTIDE_INPUT"; pwd; echo "$BASTIDE_MODULE"; echo "$HOME $LANG $DEBIAN_FRONTEND"; readlink /proc/self/fd/0; env | grep -c "hunter[2]" || :; grep -rlsa "hunter[2]" /proc/*/cmdline /proc/*/environ || :',
      { secrets: { password: 'hunter2-hunter2' } },
    );
    const { tail } = await shell.runHook(guest.target, job, shellContext());
    const directory = job.moduleDirectory;
    expect(tail).toEqual(['tmpfs', '600:root', directory, directory, '/root C.UTF-8 noninteractive', '/dev/null', '0']);
    expect(await guest.sh('ls -A /run/bastide')).toBe('');
    expect(await guest.sh('grep -rlsa hunter2 /var/lib/bastide /opt/bastide || echo nowhere')).toBe('nowhere\n');
  });

  it('what a hook leaves running ends with it, and a killed hook says so', async () => {
    const left = await jobOf('sleep 777 & disown; echo started');
    expect((await shell.runHook(guest.target, left, shellContext())).exitCode).toBe(0);
    expect(await guest.sh('pgrep -fx "sleep 777" || echo none')).toBe('none\n');
    const killed = await jobOf('kill -KILL $$');
    expect(await shell.runHook(guest.target, killed, shellContext())).toEqual({
      exitCode: 137,
      error: 'it was killed by KILL',
      tail: [],
    });
  });

  it('a hook that is out of time is stopped with all that it started', async () => {
    const job = await jobOf('sleep 888 & sleep 889');
    const late = shell.runHook(guest.target, job, shellContext({ deadline: Date.now() + 1_500 }));
    expect(await codeOf(late)).toBe('hook.timeout');
    expect(await guest.sh('pgrep -fx "sleep 88[89]" || echo none')).toBe('none\n');
  });

  it('an output of more than 256 KiB is refused', async () => {
    const job = await jobOf('head -c 300000 /dev/zero | tr "\\0" 1 > "$BASTIDE_OUTPUT"');
    expect(await codeOf(shell.runHook(guest.target, job, shellContext()))).toBe('hook.output_invalid');
  });

  it('X11: hostile output neither blocks nor floods: the log is bounded, the last words are heard', async () => {
    const job = await jobOf(
      'yes "$(printf "\\033[31m%01000d" 7)" | head -n 60000; head -c 3000000 /dev/zero; echo; echo "::error the end"; exit 1',
    );
    let bytes = 0;
    let lines = 0;
    const outcome = await shell.runHook(
      guest.target,
      job,
      shellContext({
        log: (some) => {
          lines += some.length;
          for (const { text } of some) bytes += text.length;
          for (const { text } of some) if (/(?!\t)\p{Cc}/u.test(text)) throw new Error('a control character');
        },
      }),
    );
    expect(outcome).toMatchObject({ exitCode: 1, error: 'the end' });
    expect(lines).toBeLessThanOrEqual(20_000);
    expect(bytes).toBeLessThan(9 * 1024 * 1024);
  });

  it('S9: not ready while the guest boots, ready afterwards; a result survives the reboot', async () => {
    const job = await jobOf('echo \'{"outputs":{"kept":1}}\' > "$BASTIDE_OUTPUT"; echo said');
    const before = await shell.runHook(guest.target, job, shellContext());
    await guest.reboot();
    shell.forget(guest.target.guest);
    await shell.waitReady(guest.target, shellContext());
    expect(await guest.sh('systemctl is-system-running || :')).toMatch(/^(running|degraded)$/m);
    expect(await shell.runHook(guest.target, job, shellContext())).toEqual(before);
  });

  it.each(['reboot', 'crash'] as const)(
    'a hook that a %s interrupts is a failure that may be tried again, not a second start',
    async (how) => {
      const mark = `/root/${randomUUID()}`;
      const job = await jobOf(`echo x >> ${mark}; sync; echo begun; sleep 600`);
      let begun: (value: unknown) => void = () => {};
      const running = new Promise((resolve) => {
        begun = resolve;
      });
      const outcome = shell.runHook(guest.target, job, shellContext({ log: begun })).catch((error: unknown) => error);
      await running;
      await guest[how]();
      expect(await outcome).toMatchObject({ failure: { code: 'hook.interrupted', retryable: 'now' } });
      expect(await codeOf(shell.runHook(guest.target, job, shellContext()))).toBe('hook.interrupted');
      expect(await guest.sh(`cat ${mark}`)).toBe('x\n');
    },
  );

  it('keeps the last twenty results and no more', async () => {
    const job = await jobOf('exit 0');
    const units = Array.from({ length: 23 }, (_, i) => `many-${randomUUID()}-${i}`);
    for (const unit of units) await shell.runHook(guest.target, { ...job, unit }, shellContext());
    const kept = (await guest.sh('ls /var/lib/bastide/jobs')).split('\n').filter(Boolean);
    expect(kept.filter((name) => name.includes('many-'))).toEqual(units.slice(3).map(unitName).sort());
  });
});
