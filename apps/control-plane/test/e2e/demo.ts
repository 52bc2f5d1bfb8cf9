import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import WebSocket from 'ws';

const run = promisify(execFile);
const CLI = resolve('dist/apps/cli/src/main.js');
const LAB = resolve('dist/apps/lab/src/main.js');

/** The whole product as a newcomer starts it: `bastide demo`, with a lab, ports and a folder of its own. */
export class Demo {
  readonly state = mkdtempSync(join(tmpdir(), 'bastide-e2e-'));
  #process: ChildProcess | undefined;
  output = '';
  labPort = 0;
  port = 0;

  constructor(
    private readonly labName: string,
    private readonly network: number,
    /** On top of our own environment. */
    private readonly env: Readonly<Record<string, string>> = {},
  ) {
    // The private PostgreSQL runs as a user of its own, which has to pass through.
    chmodSync(this.state, 0o711);
  }

  async start(blueprint: string, minutes: number): Promise<void> {
    this.labPort ||= await freePort();
    this.port ||= await freePort();
    this.output = '';
    const child = spawn(
      process.execPath,
      [
        CLI,
        'demo',
        '--blueprint',
        blueprint,
        '--state',
        this.state,
        '--port',
        `${this.port}`,
        '--lab-port',
        `${this.labPort}`,
        '--network',
        `${this.network}`,
        '--lab-name',
        this.labName,
      ],
      // Without colours, which it also gives a pipe where `CI` is set: what it prints is read by the tests.
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', ...this.env } },
    );
    this.#process = child;
    child.stdout.on('data', (data: Buffer) => (this.output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (this.output += data.toString()));
    await new Promise<void>((done, fail) => {
      const timer = setTimeout(
        () => fail(new Error(`not up within ${minutes} minutes:\n${this.tail()}`)),
        minutes * 60_000,
      );
      child.stderr.on('data', () => this.output.includes('Ctrl-C stops the demo') && done());
      child.on('exit', (code) => fail(new Error(`the demo ended with ${code}:\n${this.tail()}`)));
      child.on('exit', () => clearTimeout(timer));
    });
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.on('exit', done));
    child.kill('SIGINT');
    await ended;
  }

  /** Takes away everything, also after a failed test. */
  async clear(): Promise<void> {
    await this.stop();
    await run(process.execPath, [LAB, 'reset', '--state', join(this.state, 'lab'), '--name', this.labName]);
    rmSync(this.state, { recursive: true, force: true });
  }

  tail(): string {
    return this.output.split('\n').slice(-40).join('\n');
  }

  /** The CLI with JSON output; a refusal or failed run is an answer too. */
  async cli(...words: string[]): Promise<{ code: number; text: string; json: () => any }> {
    const env = {
      ...process.env,
      NO_COLOR: '1',
      BASTIDE_STATE_DIR: this.state,
      BASTIDE_URL: `http://127.0.0.1:${this.port}`,
    };
    const { code, text } = await run(process.execPath, [CLI, ...words, '--output', 'json'], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    }).then(
      ({ stdout }) => ({ code: 0, text: stdout }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        text: error.stdout || error.stderr,
      }),
    );
    return { code, text, json: () => JSON.parse(text) as unknown };
  }

  /** The CLI of a person with a home folder of their own, who types these lines. */
  cliAs(home: string, typed: readonly string[], ...words: string[]): { code: number; text: string; said: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...words], {
      // Not the folder of the control plane: its token file would make everybody an admin.
      env: {
        PATH: process.env.PATH,
        HOME: home,
        BASTIDE_URL: `http://127.0.0.1:${this.port}`,
        BASTIDE_STATE_DIR: home,
      },
      input: typed.map((line) => `${line}\n`).join(''),
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { code: status ?? -1, text: stdout, said: stderr };
  }

  async caCertificate(): Promise<string> {
    const token = readFileSync(join(this.state, 'api-token'), 'utf8').trim();
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/sites/demo/ca-certificate`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return response.text();
  }

  /** A command in a guest's root shell, through the lab's console: the admin's way when nothing else is there. */
  async console(vmid: number, command: string): Promise<string> {
    const access = JSON.parse(readFileSync(join(this.state, 'lab', 'access.json'), 'utf8')) as {
      url: string;
      token: string;
      caCertificate: string;
    };
    const headers = { authorization: `PVEAPIToken=${access.token}` };
    const mark = `done-${Date.now()}`;
    const proxy = await labFetch(access, 'POST', `/nodes/lab1/lxc/${vmid}/termproxy`);
    const query = new URLSearchParams({ port: String(proxy.port), vncticket: String(proxy.ticket) });
    const socket = new WebSocket(
      `${access.url.replace('https', 'wss')}/api2/json/nodes/lab1/lxc/${vmid}/vncwebsocket?${query}`,
      'binary',
      { headers, ca: access.caCertificate },
    );
    return new Promise((done, fail) => {
      let text = '';
      const timer = setTimeout(() => fail(new Error(`no answer of guest ${vmid} to ${command}: ${text}`)), 60_000);
      const send = (line: string): void => socket.send(`0:${Buffer.byteLength(line)}:${line}`);
      socket.on('open', () => socket.send(`${String(proxy.user)}:${String(proxy.ticket)}\n`));
      socket.on('error', fail);
      socket.on('message', (data: Buffer) => {
        const ready = /[#$] $/.test(text);
        text += data.toString();
        if (!ready && /[#$] $/.test(text) && !text.includes(mark))
          send(`${command}; echo "${mark.slice(0, 4)}""${mark.slice(4)} $?"\n`);
        const end = new RegExp(`${mark} (\\d+)`).exec(text);
        if (!end) return;
        clearTimeout(timer);
        socket.close();
        if (end[1] === '0') done(text);
        else fail(new Error(`${command} ended with ${end[1]}: ${text}`));
      });
    });
  }

  /** What the lab itself says, past the control plane. */
  async lab(method: string, path: string, form: Readonly<Record<string, string>> = {}): Promise<any> {
    return labFetch(JSON.parse(readFileSync(join(this.state, 'lab', 'access.json'), 'utf8')), method, path, form);
  }
}

export async function labFetch(
  access: { url: string; token: string; caCertificate: string },
  method: string,
  path: string,
  form: Readonly<Record<string, string>> = {},
): Promise<any> {
  const { request } = await import('node:https');
  const sent = new URLSearchParams(form).toString();
  return new Promise((done, fail) => {
    const asked = request(
      `${access.url}/api2/json${path}`,
      {
        method,
        ca: access.caCertificate,
        headers: {
          authorization: `PVEAPIToken=${access.token}`,
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': String(Buffer.byteLength(sent)),
        },
      },
      (response) => {
        let body = '';
        response.on('data', (data: Buffer) => (body += data.toString()));
        response.on('end', () =>
          response.statusCode === 200
            ? done((JSON.parse(body) as { data: unknown }).data)
            : fail(new Error(`${path}: ${response.statusCode} ${body}`)),
        );
      },
    );
    asked.on('error', fail).end(sent);
  });
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on('error', fail).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
