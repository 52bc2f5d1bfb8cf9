/** Bad input: 5,000 hostile requests. None may crash the lab, show a stack trace, or write outside its folder. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { allMethods } from '../src/schema/schema.js';
import type { Answer } from './lab-client.js';
import { openTestLab, type TestLab } from './test-lab.js';

const CASES = 5000;
/** Would end the test's own lab or user. */
const LEFT_OUT =
  /^(?:DELETE|PUT) \/access\/(users|password)|^POST \/nodes\/\{node\}\/storage\/\{storage\}\/download-url/;

describe('a lab under hostile requests', () => {
  let test: TestLab;
  const around = mkdtempSync(join(tmpdir(), 'bastide-lab-fuzz-'));
  beforeAll(async () => {
    test = await openTestLab({ stateDir: join(around, 'lab') });
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 100, memory: 64 });
  });
  afterAll(async () => {
    await test.close();
    rmSync(around, { recursive: true, force: true });
  });

  const methods = allMethods().filter(({ method, path }) => !LEFT_OUT.test(`${method} ${path}`));
  const nasty = fc.oneof(
    fc.constantFrom(
      '..',
      '../../etc/passwd',
      'local:iso/../../../etc/passwd',
      'local:../x',
      '',
      ' ',
      '%',
      '%zz',
      '%00',
      '\u0000',
      '-1',
      '0100',
      '1e9',
      'true',
      'UPID:lab1:x',
      'UPID:lab1:00000001:00000001:00000001:qmstart:100:root@pam:',
      'lab1',
      'local',
      '100',
      '999999999999',
      'a'.repeat(5000),
      '__proto__',
      'constructor',
      'net0',
      'virtio,bridge=vmbr0',
      'ip=10.0.0.1/99',
      '💥',
    ),
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const keys = fc.oneof(
    fc.constantFrom(
      'vmid',
      'newid',
      'node',
      'target',
      'storage',
      'volume',
      'disk',
      'size',
      'net0',
      'scsi0',
      'rootfs',
      'mp0',
      'tags',
      'delete',
      'digest',
      'upid',
      'path',
      'roles',
      'users',
      '__proto__',
      'constructor',
      'hasOwnProperty',
      'command',
      'snapname',
      'ostemplate',
      'content',
      'filename',
    ),
    fc.string({ maxLength: 12 }),
  );

  function judge(answer: Answer, what: string): void {
    const bad =
      answer.text.includes('node_modules') ||
      answer.text.includes('.ts:') ||
      answer.text.includes('.js:') ||
      /TypeError|RangeError|ReferenceError|Cannot read prop/.test(answer.text);
    if (bad || answer.status < 200 || answer.status > 599)
      throw new Error(`${what}\n→ ${answer.status} ${answer.text.slice(0, 500)}`);
  }

  it('answers each with an error of the API, never with a crash or a trace', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...methods),
        fc.array(fc.tuple(keys, nasty), { maxLength: 6 }),
        fc.array(nasty, { minLength: 6, maxLength: 6 }),
        fc.constantFrom('form', 'json', 'raw'),
        async ({ method, path }, pairs, places, kind) => {
          let index = 0;
          const real = { node: 'lab1', vmid: '100', storage: 'local' } as Readonly<Record<string, string>>;
          const target = `/api2/json${path.replace(/\{([^}]+)\}/g, (_, name: string) => {
            index += 1;
            return real[name] !== undefined && index % 2 === 1
              ? real[name]
              : encodeURIComponent((places[index % places.length] ?? '').replace(/[\ud800-\udfff]/g, '?'));
          })}`;
          const form = new URLSearchParams(pairs).toString();
          const noBody = method === 'GET' || method === 'DELETE';
          const body =
            kind === 'json'
              ? JSON.stringify(Object.fromEntries(pairs))
              : kind === 'raw'
                ? pairs.map((pair) => pair.join('=')).join('&')
                : form;
          const answer = await test.root.send(
            method,
            noBody ? `${target}?${form}` : target,
            noBody ? undefined : body,
            noBody
              ? {}
              : { 'Content-Type': kind === 'json' ? 'application/json' : 'application/x-www-form-urlencoded' },
          );
          judge(answer, `${method} ${target} ${body}`);
        },
      ),
      { numRuns: CASES, endOnFailure: true },
    );
    expect((await test.root.call('GET', '/version')).status).toBe(200);
    expect(readdirSync(around)).toEqual(['lab']);
    const known = [
      'access.json',
      'certificates',
      'files',
      'lab.pid',
      'root-password',
      'root-token',
      'state',
      'uploads',
    ];
    expect(readdirSync(join(around, 'lab')).filter((name) => !known.includes(name))).toEqual([]);
  }, 240_000);

  it('refuses what is no proper request: giant and broken bodies, unknown types, repeated keys, bad UTF-8', async () => {
    const post = (body: string | Buffer, type: string) =>
      test.root.send('POST', '/api2/json/nodes/lab1/qemu', body, { 'Content-Type': type });
    expect((await post('x'.repeat(600_000), 'application/x-www-form-urlencoded')).status).toBe(501);
    expect((await post('{"vmid":', 'application/json')).status).toBe(500);
    expect((await post('[1]', 'application/json')).status).toBe(500);
    expect((await post('vmid=1', 'text/plain')).status).toBe(506);
    const repeated = await post(Array(5000).fill('vmid=200').join('&'), 'application/x-www-form-urlencoded');
    expect(repeated.body.errors.vmid).toBe("type check ('integer') failed - got ARRAY");
    expect(
      (await post(Buffer.from([0x76, 0x6d, 0x69, 0x64, 0x3d, 0xff, 0xfe]), 'application/x-www-form-urlencoded')).status,
    ).toBe(400);
    expect((await test.root.send('DELETE', '/api2/json/nodes/lab1/qemu/100', 'purge=1')).reason).toBe(
      "Unexpected content for method 'DELETE'",
    );
    expect((await test.root.send('GET', '/api2/json/%zz')).reason).toBe("Method 'GET /%zz' not implemented");
    expect((await test.root.send('GET', '/etc/passwd')).reason).toBe("no such file '/etc/passwd'");
  });

  it('does not let a header smuggle a second request', async () => {
    const { port } = test.lab;
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', ca: test.lab.caCertificate });
      let read = '';
      socket.on('secureConnect', () =>
        socket.write(
          'POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api2/json/version HTTP/1.1\r\n\r\n',
        ),
      );
      socket.on('data', (chunk: Buffer) => {
        read += chunk.toString();
      });
      socket.on('close', () => resolve(read));
      socket.on('error', reject);
      socket.setTimeout(5000, () => socket.destroy());
    });
    expect(text).toMatch(/^HTTP\/1\.1 (400|501) /);
    expect(text).not.toContain('"version"');
  });
});
