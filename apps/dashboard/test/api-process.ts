import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { freePort } from '../../control-plane/test/e2e/demo.js';

export const PASSWORD = 'correct horse battery';

/** The control plane's API alone, a process of its own on servers and a folder that it is given: runs are written by whoever started it. */
export class ApiProcess {
  port = 0;
  #child: ChildProcess | undefined;

  constructor(private readonly given: { databaseUrl: string; redisUrl: string; state: string }) {}

  get base(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when it listens; after a stop at the same port again. */
  async start(): Promise<void> {
    this.port ||= await freePort();
    const child = spawn(process.execPath, [resolve('dist/apps/control-plane/src/main.js'), '--role', 'api'], {
      env: {
        ...process.env,
        DATABASE_URL: this.given.databaseUrl,
        REDIS_URL: this.given.redisUrl,
        BASTIDE_STATE_DIR: this.given.state,
        BASTIDE_LISTEN: `127.0.0.1:${this.port}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    await new Promise<void>((done, fail) => {
      const hear = (data: Buffer): void => {
        output += data.toString();
        if (output.includes('the API listens')) done();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('exit', (code) => fail(new Error(`the control plane ended with ${code}:\n${output}`)));
    });
  }

  /** Without a warning, as a crash. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
  }

  /** The first visitor becomes the admin. `base`: where the pages are for them, when not here. */
  async welcome(page: Page, base = this.base): Promise<void> {
    const code = readFileSync(join(this.given.state, 'setup-code'), 'utf8').trim();
    await page.goto(`${base}#setup=${code}`);
    await page.getByLabel('Your name').fill('Ada Admin');
    await page.getByLabel('Password', { exact: false }).first().fill(PASSWORD);
    await page.getByLabel('Password once more').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('link', { name: 'Runs' }).first().waitFor();
  }
}
