import { createHash, randomUUID } from 'node:crypto';
import { pack } from 'tar-stream';
import type { FakeHook } from '../../src/adapters/fake/fake-guest-shell.js';
import type { GuestShell, GuestTarget, HookJob, ShellContext } from '../../src/application/guests/guest-shell.port.js';

/** One hook, told twice: as a script for a real guest and as a function for the fake. */
export interface TwofoldHook {
  readonly bash: string;
  readonly fake: FakeHook;
}

export interface GuestShellHarness {
  readonly shell: GuestShell;
  readonly target: GuestTarget;
  /** Makes the hooks known (the fake needs their functions). */
  readonly know: (hooks: Readonly<Record<string, TwofoldHook>>) => void;
}

export const shellContext = (more: Partial<ShellContext> = {}): ShellContext => ({
  signal: new AbortController().signal,
  deadline: Date.now() + 60_000,
  fence: async () => {},
  ...more,
});

/** A module's folder as a tar, from its hooks. */
export async function moduleOf(
  hooks: Readonly<Record<string, { readonly bash: string }>>,
): Promise<{ name: string; digest: string; tar: () => Promise<Buffer> }> {
  const archive = pack();
  for (const [name, { bash }] of Object.entries(hooks))
    archive.entry({ name: `hooks/${name}`, mode: 0o755, mtime: new Date(0) }, `#!/bin/bash\nset -eu\n${bash}\n`);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const tar = Buffer.concat(chunks);
  return { name: 'trial', digest: createHash('sha256').update(tar).digest('hex'), tar: async () => tar };
}

export const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (error as { failure?: { code: string } }).failure?.code ?? String(error),
  );

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const HOOKS: Readonly<Record<string, TwofoldHook>> = {
  speak: {
    bash: 'echo hello; echo "::progress 40 Creating tables"; echo "::notice look"; jq "{outputs: {greeting: .config.greeting}}" "$BASTIDE_INPUT" > "$BASTIDE_OUTPUT"',
    fake: (io) => {
      io.stdout('hello');
      io.stdout('::progress 40 Creating tables');
      io.stdout('::notice look');
      io.output({ outputs: { greeting: (io.input as { config: { greeting: string } }).config.greeting } });
      return 0;
    },
  },
  refuse: {
    bash: 'echo "::error No such domain"; exit 64',
    fake: (io) => {
      io.stdout('::error No such domain');
      return 64;
    },
  },
  silent: { bash: 'exit 0', fake: () => 0 },
  babble: {
    bash: 'echo "{oops" > "$BASTIDE_OUTPUT"',
    fake: (io) => {
      io.output('{oops');
      return 0;
    },
  },
  leak: {
    bash: 'jq -r .secrets.password "$BASTIDE_INPUT"; jq -r .extra "$BASTIDE_INPUT" >&2; echo "::error leaked $(jq -r .extra "$BASTIDE_INPUT")"; exit 1',
    fake: (io) => {
      const { secrets, extra } = io.input as { secrets: { password: string }; extra: string };
      io.stdout(secrets.password);
      io.stderr(extra);
      io.stdout(`::error leaked ${extra}`);
      return 1;
    },
  },
  slow: {
    bash: 'echo begun; sleep 1.5; echo ended; echo \'{"outputs":{"done":1}}\' > "$BASTIDE_OUTPUT"',
    fake: async (io) => {
      io.stdout('begun');
      await pause(300);
      io.stdout('ended');
      io.output({ outputs: { done: 1 } });
      return 0;
    },
  },
  endless: {
    bash: 'echo begun; trap "" TERM HUP; sleep 600 & wait; sleep 600',
    fake: async (io) => {
      io.stdout('begun');
      await new Promise((resolve) => io.stopped.addEventListener('abort', resolve));
      return 1;
    },
  },
};

/** What every GuestShell must do. */
export function guestShellConformance(name: string, harness: () => GuestShellHarness): void {
  describe(`${name} as a GuestShell`, () => {
    const given = async () => {
      const { shell, target, know } = harness();
      know(HOOKS);
      const moduleDirectory = await shell.deliver(target, await moduleOf(HOOKS), shellContext());
      const job = (hook: string, input: unknown = {}): HookJob => ({
        unit: `run_${randomUUID()}.${hook}@1`,
        moduleDirectory,
        hook,
        input,
      });
      const said: string[] = [];
      const progress: string[] = [];
      const listening = (more: Partial<ShellContext> = {}) =>
        shellContext({
          log: (lines) => said.push(...lines.map((line) => `${line.stream}: ${line.text}`)),
          progress: (percent, text) => progress.push(`${percent} ${text}`),
          ...more,
        });
      return { shell, target, job, said, progress, listening, moduleDirectory };
    };

    it('a hook gets its input and gives log, progress, output and exit code', async () => {
      const { shell, target, job, said, progress, listening } = await given();
      const outcome = await shell.runHook(target, job('speak', { config: { greeting: 'grüß dich' } }), listening());
      expect(outcome).toEqual({ exitCode: 0, output: { outputs: { greeting: 'grüß dich' } }, tail: ['hello', 'look'] });
      expect(said).toEqual(['stdout: hello', 'note: look']);
      expect(progress).toEqual(['40 Creating tables']);
    });

    it('a hook that refuses gives its reason, and one that writes nothing has no output', async () => {
      const { shell, target, job } = await given();
      expect(await shell.runHook(target, job('refuse'), shellContext())).toEqual({
        exitCode: 64,
        error: 'No such domain',
        tail: ['No such domain'],
      });
      expect(await shell.runHook(target, job('silent'), shellContext())).toEqual({ exitCode: 0, tail: [] });
    });

    it('an output that is not JSON, and a hook that is not there, are failures', async () => {
      const { shell, target, job } = await given();
      expect(await codeOf(shell.runHook(target, job('babble'), shellContext()))).toBe('hook.output_invalid');
      expect(await codeOf(shell.runHook(target, job('nowhere'), shellContext()))).toBe('hook.missing');
    });

    it('no secret gets into log, tail or error', async () => {
      const { shell, target, job, said, listening } = await given();
      const input = { secrets: { password: 'hunter2-hunter2' }, extra: 'correct horse battery' };
      const outcome = await shell.runHook(target, job('leak', input), listening({ redact: ['correct horse battery'] }));
      expect(outcome.exitCode).toBe(1);
      expect(said).toHaveLength(3);
      expect(JSON.stringify([outcome, said])).not.toMatch(/hunter2|horse/);
    });

    it('callers of one unit follow the same hook: it runs once, its lines come once, its result reaches all', async () => {
      const { shell, target, job, said, listening } = await given();
      const slow = job('slow');
      const outcomes = await Promise.all([1, 2, 3].map(() => shell.runHook(target, slow, listening())));
      for (const outcome of outcomes)
        expect(outcome).toEqual({ exitCode: 0, output: { outputs: { done: 1 } }, tail: ['begun', 'ended'] });
      expect(new Set(said)).toEqual(new Set(['stdout: begun', 'stdout: ended']));
      expect(await shell.runHook(target, slow, shellContext())).toEqual(outcomes[0]);
    });

    it('an aborted follower leaves the hook running; the next one collects its result', async () => {
      const { shell, target, job } = await given();
      const abort = new AbortController();
      const slow = job('slow');
      const left = shell.runHook(
        target,
        slow,
        shellContext({ signal: abort.signal, log: () => abort.abort(new Error('SIGTERM')) }),
      );
      await expect(left).rejects.toThrow('SIGTERM');
      expect(await shell.runHook(target, slow, shellContext())).toMatchObject({
        exitCode: 0,
        output: { outputs: { done: 1 } },
      });
    });

    it('a cancelled hook ends, also one that does not want to', async () => {
      const { shell, target, job } = await given();
      const endless = job('endless');
      let begun: (value: unknown) => void = () => {};
      const running = new Promise((resolve) => {
        begun = resolve;
      });
      const following = codeOf(shell.runHook(target, endless, shellContext({ log: begun })));
      await running;
      await shell.cancelHook(target, endless.unit, shellContext());
      expect(await following).toBe('hook.cancelled');
      await shell.cancelHook(target, endless.unit, shellContext());
      await shell.cancelHook(target, job('silent').unit, shellContext());
    });

    it('a hook that does not end before the deadline is stopped', async () => {
      const { shell, target, job } = await given();
      const endless = job('endless');
      expect(await codeOf(shell.runHook(target, endless, shellContext({ deadline: Date.now() + 1_500 })))).toBe(
        'hook.timeout',
      );
    });

    it('a module is delivered once', async () => {
      const { shell, target, moduleDirectory } = await given();
      const module = await moduleOf(HOOKS);
      const again = { ...module, tar: () => Promise.reject(new Error('asked for again')) };
      expect(await shell.deliver(target, again, shellContext())).toBe(moduleDirectory);
    });

    it('before each effect the fence is asked, and a lost lease stops it', async () => {
      const { shell, target, job } = await given();
      const fenced = shellContext({ fence: () => Promise.reject(new Error('lease lost')) });
      await expect(shell.runHook(target, job('speak'), fenced)).rejects.toThrow('lease lost');
      const source = Buffer.from('x');
      const sha256 = createHash('sha256').update(source).digest('hex');
      await expect(
        shell.upload(target, { source, path: `/tmp/${randomUUID()}`, mode: 0o644, sha256 }, fenced),
      ).rejects.toThrow('lease lost');
      await expect(shell.cancelHook(target, 'any', fenced)).rejects.toThrow('lease lost');
    });

    it('refuses a file whose digest is another one', async () => {
      const { shell, target } = await given();
      const file = { source: Buffer.from('x'), path: `/tmp/${randomUUID()}`, mode: 0o644, sha256: 'f'.repeat(64) };
      expect(await codeOf(shell.upload(target, file, shellContext()))).toBe('upload.digest_mismatch');
    });

    it('a guest without a known host key is not talked to', async () => {
      const { shell, target } = await given();
      const stranger = { ...target, guest: 'stranger', hostKeys: [] };
      expect(await codeOf(shell.run(stranger, ['true'], shellContext()))).toBe('ssh.host_key_mismatch');
    });
  });
}
