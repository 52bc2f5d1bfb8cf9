import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestConsole } from '../../../lab/src/runtime/guest-runtime.port.js';
import { NoneRuntime } from '../../../lab/src/runtime/none/none-runtime.js';

/**
 * A lab without guests whose consoles are real: bash on a pseudo terminal, line editing and all, in which `cat` shows the
 * given text whatever file it is asked for.
 */
export class ShellRuntime extends NoneRuntime {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bastide-shell-'));
  readonly #shells = new Set<ChildProcess>();

  constructor(files: string) {
    super((vmid) => `shell/${vmid}`, Date.now);
    writeFileSync(join(this.#folder, 'shown'), files);
    writeFileSync(
      join(this.#folder, 'rc'),
      `cat() { command cat ${this.#folder}/shown; }\nPS1='\\[\\e[1m\\]root@ct\\[\\e[0m\\]# '\n`,
    );
  }

  override async console(): Promise<GuestConsole> {
    const shell = spawn('script', ['-qfc', `bash --rcfile ${this.#folder}/rc -i`, '/dev/null'], {
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', TERM: 'xterm', HOME: this.#folder, HISTFILE: '' },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#shells.add(shell);
    shell.on('exit', () => this.#shells.delete(shell));
    return {
      write: (data) => void shell.stdin.write(data),
      resize: () => undefined,
      onData: (listener) => void shell.stdout.on('data', listener),
      onClose: (listener) => void shell.on('exit', listener),
      close: () => void shell.kill('SIGKILL'),
    };
  }

  override async close(): Promise<void> {
    await super.close();
    for (const shell of this.#shells) shell.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
