import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SSHD = '/usr/sbin/sshd';

/** A real OpenSSH server of the test's own: own host key, own client key, loopback, own directory. */
export class PrivateSshd {
  readonly address = '127.0.0.1';
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(
    readonly directory: string,
    readonly port: number,
    readonly privateKey: string,
  ) {}

  static async start(extra = ''): Promise<PrivateSshd> {
    const directory = await mkdtemp(join(tmpdir(), 'bastide-sshd-'));
    const key = (name: string, type: string) =>
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', name, '-f', join(directory, name)]);
    key('client', 'ed25519');
    key('host', 'ed25519');
    key('other_host', 'ed25519');
    key('host_ecdsa', 'ecdsa');
    const sshd = new PrivateSshd(directory, await freePort(), await readFile(join(directory, 'client'), 'utf8'));
    await writeFile(join(directory, 'authorized_keys'), await readFile(join(directory, 'client.pub')));
    await mkdir('/run/sshd', { recursive: true });
    await sshd.run('host', extra);
    return sshd;
  }

  async hostKey(name = 'host'): Promise<string> {
    return (await readFile(join(this.directory, `${name}.pub`), 'utf8')).trim();
  }

  /** (Re)starts the server with that host key, on the same port. */
  async run(hostKey: string, extra = '', environment = ''): Promise<void> {
    await this.stop();
    const config = join(this.directory, 'sshd_config');
    await writeFile(
      config,
      [
        `Port ${this.port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${join(this.directory, hostKey)}`,
        `AuthorizedKeysFile ${join(this.directory, 'authorized_keys')}`,
        `PidFile ${join(this.directory, 'pid')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin yes',
        'MaxStartups 100',
        // Only the first SetEnv line counts, so a test's own goes into the same one. A home of its own: what the machine's
        // root has in its .bashrc is slow, writes to its home, and is none of the tests' business.
        `SetEnv BASTIDE_TEST_SSHD=${this.directory} HOME=${this.directory} ${environment}`,
        extra,
        '',
      ].join('\n'),
    );
    const child = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    for (let i = 0; i < 200; i++) {
      if (await answers(this.port)) return;
      if (child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`sshd did not start: ${this.#log}`);
  }

  get log(): string {
    return this.#log;
  }

  async authorize(publicKey: string): Promise<void> {
    await appendFile(join(this.directory, 'authorized_keys'), `${publicKey}\n`);
  }

  /** Sessions end with the server, so that no test leaves a process behind. */
  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Ends the listener and all that was ever started through it, also what its session has let go of. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    for (const pid of await marked(`BASTIDE_TEST_SSHD=${this.directory}`)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // already gone
      }
    }
  }
}

/** Processes with that entry in their environment: the server sets it for everything it runs. */
async function marked(entry: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '');
    if (environment.split('\0').includes(entry)) found.push(Number(name));
  }
  return found;
}

/** A wire with faults: passes bytes to a port until told to cut, to swallow everything, or to break after so many bytes. */
export class FaultyWire {
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  #silent = false;
  /** Bytes towards the server after which the connection breaks, once. */
  breakAfter: number | undefined;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async to(port: number, host = '127.0.0.1'): Promise<FaultyWire> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const wire = new FaultyWire(server, (server.address() as { port: number }).port);
    server.on('connection', (near) => wire.#join(near, connect(port, host)));
    return wire;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Resets every connection, now. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** From now on nothing passes in either direction, and nobody is told: a pulled cable. */
  stall(): void {
    this.#silent = true;
  }

  heal(): void {
    this.#silent = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #join(near: Socket, far: Socket): void {
    this.#connections++;
    near.setNoDelay(true);
    far.setNoDelay(true);
    for (const [from, to, up] of [
      [near, far, true],
      [far, near, false],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk: Buffer) => {
        if (this.#silent) return;
        if (up && this.breakAfter !== undefined) this.breakAfter -= chunk.length;
        if (this.breakAfter !== undefined && this.breakAfter <= 0) {
          this.breakAfter = undefined;
          near.resetAndDestroy();
          return;
        }
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => done(true));
    socket.once('error', () => done(false));
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
  });
}
