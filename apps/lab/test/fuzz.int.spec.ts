/** Bad input: 5,000 hostile requests. None may crash the lab, show a stack trace, or write outside its folder. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { allMethods, methodOf } from '../src/schema/schema.js';
import type { Answer } from './lab-client.js';
import { openTestLab, TEMPLATE, type TestLab } from './test-lab.js';

const CASES = 5000;
const RAW_CASES = 400;
/** Milliseconds after which an answer counts as none. */
const HANGS = 30_000;
/** Would take away the test's own user, or ask elsewhere. */
const LEFT_OUT = /^(?:DELETE|PUT) \/access\/(users|password)|download-url|query-url-metadata/;
/** Traces of a program that fell over its input. */
const TRACE =
  /node_modules|\.[jt]s:\d|TypeError|RangeError|ReferenceError|SyntaxError|Cannot read prop|is not a function|not iterable|\bat \S+ \(/;

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

  const methods = allMethods()
    .filter(({ method, path }) => !LEFT_OUT.test(`${method} ${path}`))
    .map(({ method, path }) => methodOf(method, path));
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

  /** What the schema's own types would take, so that requests get past the first check as well. */
  const likely = fc.constantFrom(
    '1',
    '0',
    '100',
    '300',
    'lab1',
    'lab2',
    'local',
    'local-zfs',
    'local-zfs:1',
    TEMPLATE,
    'root@pam',
    'PVEAdmin',
    'vmbr0',
    'name=eth0,bridge=vmbr0,ip=dhcp',
    'virtio,bridge=vmbr0',
    'scsi0',
    'backup',
    '+1G',
    '10.0.0.0/24',
    'in',
    'ACCEPT',
  );
  const value = fc.oneof({ weight: 3, arbitrary: nasty }, { weight: 2, arbitrary: likely });
  /** In JSON a value may be anything. */
  const anything = fc.oneof(value, fc.jsonValue({ maxDepth: 2 }));
  const CONTENT_TYPES = {
    form: 'application/x-www-form-urlencoded',
    json: 'application/json',
    raw: 'application/x-www-form-urlencoded',
    bytes: 'application/x-www-form-urlencoded',
    broken: 'application/json;charset=UTF-8',
    multipart: 'multipart/form-data; boundary=x',
    unknown: 'text/plain',
  } as const;

  function judge(answer: Answer, what: string): void {
    const problem = TRACE.test(answer.text)
      ? 'a trace'
      : answer.status < 200 || answer.status > 599
        ? 'no status'
        : answer.status === 200
          ? typeof answer.body === 'object' && answer.body !== null && 'data' in answer.body
            ? undefined
            : 'no data'
          : isRefusal(answer)
            ? undefined
            : 'no refusal of the API';
    if (problem)
      throw new Error(`${problem}: ${what}\n→ ${answer.status} ${answer.reason}\n${answer.text.slice(0, 500)}`);
  }

  /** Without a body, in the text of the server, or as JSON with its message; the first line is the reason. */
  function isRefusal({ body, text, reason }: Answer): boolean {
    if (reason === '') return false;
    if (typeof body !== 'object') return text.length < 20_000;
    const errors = Object.values(body?.errors ?? {});
    return body?.data === null && typeof body.message === 'string' && errors.every((one) => typeof one === 'string');
  }

  const inTime = <T>(work: Promise<T>, what: string): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer: ${what}`)), HANGS);
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  };

  it('answers each with an error of the API, never with a crash, a trace or nothing', async () => {
    const thrown: unknown[] = [];
    const notice = (error: unknown) => void thrown.push(error);
    process.on('unhandledRejection', notice);
    process.on('uncaughtException', notice);
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...methods).chain((api) => {
            const own = [...api.parameters.keys()].map((key) => key.replace('[n]', '0'));
            const key = own.length === 0 ? keys : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...own) }, keys);
            return fc.tuple(fc.constant(api), fc.array(fc.tuple(key, anything), { maxLength: 8 }));
          }),
          fc.array(nasty, { minLength: 6, maxLength: 6 }),
          fc.constantFrom(...(Object.keys(CONTENT_TYPES) as (keyof typeof CONTENT_TYPES)[])),
          fc.uint8Array({ maxLength: 60 }),
          async ([{ method, path }, pairs], places, kind, bytes) => {
            let index = 0;
            const real = { node: 'lab1', vmid: '100', storage: 'local' } as Readonly<Record<string, string>>;
            const target = `/api2/json${path.replace(/\{([^}]+)\}/g, (_, name: string) => {
              index += 1;
              return real[name] !== undefined && (index + places.length + pairs.length) % 3 !== 0
                ? real[name]
                : encodeURIComponent((places[index % places.length] ?? '').replace(/[\ud800-\udfff]/g, '?'));
            })}`;
            const texts = pairs.map(([key, one]): [string, string] => [
              key,
              typeof one === 'string' ? one : JSON.stringify(one),
            ]);
            const form = new URLSearchParams(texts).toString();
            const json = JSON.stringify(Object.fromEntries(pairs));
            const body = {
              form,
              json,
              raw: texts.map((pair) => pair.join('=')).join('&'),
              bytes: Buffer.from(bytes),
              broken: json.slice(0, -1 - ((bytes[0] ?? 0) % 9)),
              multipart: texts
                .map(
                  ([key, one]) =>
                    `--x\r\nContent-Disposition: form-data; name="${key}"; filename="${one}"\r\n\r\n${one}\r\n`,
                )
                .join(''),
              unknown: form,
            }[kind];
            const what = `${method} ${target} (${kind}) ${body.toString()}`;
            const noBody = method === 'GET' || method === 'DELETE';
            const sending = noBody
              ? test.root.send(method, `${target}?${form}`)
              : test.root.send(method, target, body, { 'Content-Type': CONTENT_TYPES[kind] });
            judge(await inTime(sending, what), what);
          },
        ),
        { numRuns: CASES, endOnFailure: true },
      );
    } finally {
      process.off('unhandledRejection', notice);
      process.off('uncaughtException', notice);
    }
    expect(thrown).toEqual([]);
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
    // What was cut off or refused while it was sent leaves nothing.
    expect(readdirSync(join(around, 'lab/uploads'))).toEqual([]);
  }, 400_000);

  /** What the lab says to these bytes until it, or the time, ends the connection. */
  const say = (bytes: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: test.lab.port, host: '127.0.0.1', ca: test.lab.caCertificate });
      let read = '';
      let timer: NodeJS.Timeout | undefined;
      const quiet = (after: number) => {
        clearTimeout(timer);
        timer = setTimeout(() => socket.destroy(), after);
      };
      socket.on('secureConnect', () => {
        socket.write(bytes);
        quiet(300);
      });
      socket.on('data', (chunk: Buffer) => {
        read += chunk.toString('latin1');
        quiet(40);
      });
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(read);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)));
    });

  it('stands what no HTTP client would send', async () => {
    const authorization = `Authorization: PVEAPIToken=${test.lab.rootToken}`;
    const line = fc.oneof(
      fc.constantFrom(
        'GET /api2/json/version HTTP/1.1',
        'GET https://elsewhere.example/api2/json/version HTTP/1.1',
        'GET //api2//json//version// HTTP/1.1',
        'GET /api2/json/nodes/%zz/%00/%ff HTTP/1.1',
        'GET /api2/json/../../../../etc/passwd HTTP/1.1',
        'GET /api2/json/%2e%2e%2f%2e%2e%2fetc/passwd HTTP/1.1',
        `GET /api2/json/${'a/'.repeat(4000)} HTTP/1.1`,
        `GET /api2/json/version?${'x=1&'.repeat(3000)} HTTP/1.1`,
        'POST /api2/json/nodes/lab1/qemu HTTP/1.1',
        'PUT /api2/extjs/cluster/options HTTP/1.0',
        'CONNECT 127.0.0.1:22 HTTP/1.1',
        'OPTIONS * HTTP/1.1',
        'TRACE /api2/json/version HTTP/1.1',
        'get /api2/json/version http/1.1',
        'GET /api2/json/version HTTP/9.9',
        'GET /api2/json/version',
        '',
      ),
      fc.string({ maxLength: 30 }).map((text) => `GET /api2/json/${text} HTTP/1.1`),
    );
    const header = fc.oneof(
      fc.constantFrom(
        authorization,
        'Host: lab',
        'Host: other',
        'Content-Length: 5',
        'Content-Length: 7',
        'Content-Length: -1',
        'Content-Length: 99999999999999999999',
        'Transfer-Encoding: chunked',
        'Transfer-Encoding: chunked, identity',
        'Transfer-Encoding : chunked',
        'Content-Type: application/json',
        'Content-Type: multipart/form-data',
        'Expect: 100-continue',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Cookie: PVEAuthCookie=%zz%',
        'Cookie: PVEAuthCookie=PVE:root@pam:::',
        `Cookie: ${'a=b; '.repeat(2000)}`,
        'CSRFPreventionToken: ::',
        'Authorization: PVEAPIToken',
        'Authorization: Basic cm9vdDpyb290',
        ' folded: yes',
        ': empty',
        `X-Long: ${'x'.repeat(20_000)}`,
      ),
      fc.tuple(fc.string({ maxLength: 12 }), fc.string({ maxLength: 20 })).map((pair) => pair.join(': ')),
    );
    const end = fc.constantFrom('', '{"a":', 'hello', '5\r\nhello\r\n0\r\n\r\n', '\0\0\0');
    const again = fc.constantFrom('', `GET /api2/json/version HTTP/1.1\r\n${authorization}\r\n\r\n`);
    await fc.assert(
      fc.asyncProperty(line, fc.array(header, { maxLength: 6 }), end, again, async (first, headers, body, next) => {
        const bytes = Buffer.from(`${[first, ...headers].join('\r\n')}\r\n\r\n${body}${next}`, 'latin1');
        const text = await inTime(say(bytes), first);
        if (TRACE.test(text) || text.includes('root:x:0')) throw new Error(text);
        if (text !== '' && !/^HTTP\/1\.1 \d{3} \S/.test(text))
          throw new Error(`no answer of HTTP: ${text.slice(0, 200)}`);
      }),
      { numRuns: RAW_CASES, endOnFailure: true },
    );
    expect((await test.root.call('GET', '/version')).status).toBe(200);
  }, 300_000);

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
