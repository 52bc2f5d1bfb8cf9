/** Requests as the HTTP server and the parameter check see them, before any method of the API has its say. */
import { openTestLab, type TestLab } from './test-lab.js';

describe('requests to a lab', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 100, memory: 64 });
  });
  afterAll(() => test.close());

  const send = (method: string, path: string, body?: string, headers?: Record<string, string>) =>
    test.root.send(method, path, body, headers);
  const json = (method: string, path: string, body: unknown) =>
    send(method, `/api2/json${path}`, JSON.stringify(body), { 'Content-Type': 'application/json' });
  const form = (path: string, body: string) => send('PUT', `/api2/json${path}`, body);

  it('refuse what is no API call in plain text, with the same text as the reason', async () => {
    const refused = async (...call: Parameters<typeof send>) => {
      const answer = await send(...call);
      return [answer.status, answer.reason, answer.text];
    };
    expect(await refused('GET', '/api2/xml/version')).toEqual([
      501,
      'no formatter for uri /version, xml',
      'no formatter for uri /version, xml',
    ]);
    expect(await refused('GET', '/api2/')).toEqual([501, 'no such uri', 'no such uri']);
    expect(await refused('GET', '/nosuch')).toEqual([500, "no such file '/nosuch'", "no such file '/nosuch'\n"]);
    expect(await refused('DELETE', '/api2/json/pools/x', 'a=1')).toEqual([
      501,
      "Unexpected content for method 'DELETE'",
      "Unexpected content for method 'DELETE'",
    ]);
    expect((await refused('POST', '/api2/json/pools', 'poolid=x', { 'Content-Type': 'text/xml' }))[1]).toBe(
      "upload 'Content-Type 'text/xml' not implemented",
    );
    expect((await refused('POST', '/api2/json/pools', '{"a', { 'Content-Type': 'application/json' }))[1]).toMatch(
      /^malformed JSON string.* at .*\.pm line \d+\.$/,
    );
    expect(await refused('PATCH', '/api2/json/version')).toEqual([501, "method 'PATCH' not available", '']);
  });

  it('find at the top what there is', async () => {
    const { body } = await send('GET', '/api2/json');
    expect(body.data.map((one: { subdir: string }) => one.subdir)).toEqual([
      'version', 'cluster', 'nodes', 'storage', 'access', 'pools',
    ]); // biome-ignore format: one line
    expect((await send('GET', '/api2/json/')).body).toEqual(body);
    expect((await send('POST', '/api2/json/')).status).toBe(501);
  });

  it('get the ExtJS form of an answer with 200 and success, without a message where all is well', async () => {
    expect((await send('GET', '/api2/extjs/cluster/nextid')).body).toEqual({ data: '101', success: 1 });
    const refused = await send('GET', '/api2/extjs/nodes/lab1/qemu/999/config');
    expect([refused.status, refused.reason, refused.body]).toEqual([
      200,
      'OK',
      {
        data: null,
        success: 0,
        status: 500,
        message: "Configuration file 'nodes/lab1/qemu-server/999.conf' does not exist\n",
      },
    ]);
    const wrong = await send('GET', '/api2/extjs/cluster/nextid?vmid=5');
    expect([wrong.status, wrong.body.success, wrong.body.errors]).toEqual([
      200,
      0,
      { vmid: 'invalid format - value does not look like a valid VM ID\n' },
    ]);
    const page = await send('GET', '/api2/htmljs/version');
    expect([page.headers['content-type'], page.text.startsWith('{&#34;data&#34;')]).toEqual([
      'text/html;charset=UTF-8',
      true,
    ]);
  });

  it('hear of every wrong parameter at once, each in the words for its kind of fault', async () => {
    const answer = await test.root.call('POST', '/cluster/backup', {
      id: '1x',
      schedule: 'never',
      mode: 'fast',
      ionice: 9,
      bwlimit: 'x',
      comment: 'y'.repeat(513),
      nosuch: 1,
      dow: 'mon',
      'prune-backups': 'keep-last=2,keep-ever=1',
      enabled: 'true',
    });
    expect([answer.status, answer.body.message]).toEqual([400, 'Parameter verification failed.\n']);
    expect(answer.body.errors).toEqual({
      id: "invalid format - invalid configuration ID '1x'\n",
      schedule: expect.stringMatching(/^invalid format - invalid calendar event 'never' - /),
      mode: "value 'fast' does not have a value in the enumeration 'snapshot, suspend, stop'",
      ionice: 'value must have a maximum value of 8',
      bwlimit: "type check ('integer') failed - got 'x'",
      comment: 'value may only be 512 characters long',
      nosuch: 'property is not defined in schema and the schema does not allow additional properties',
      starttime: "missing property required by 'dow'",
      'prune-backups':
        'invalid format - format error\nprune-backups.keep-ever: property is not defined in schema and the schema does not allow additional properties\n',
      enabled: "type check ('boolean') failed - got 'true'",
    });
    expect((await test.root.call('POST', '/pools', {})).body.errors).toEqual({
      poolid: 'property is missing and it is not optional',
    });
  });

  it('may send booleans as 1 and 0 only in a form, and as true in JSON, but never true for a number', async () => {
    const config = '/nodes/lab1/qemu/100/config';
    for (const value of ['true', 'yes', 'on', 'off', 'no', 'false', '2', ''])
      expect((await form(config, `onboot=${value}`)).body.errors).toEqual({
        onboot: `type check ('boolean') failed - got '${value}'`,
      });
    expect((await json('PUT', config, { onboot: true, tags: ['x', 'y'] })).status).toBe(200);
    expect(await test.root.data('GET', config)).toMatchObject({ onboot: 1, tags: 'x;y' });
    expect((await json('PUT', config, { cores: true })).body.errors).toEqual({
      cores: "type check ('integer') failed - got JSON::PP::Boolean",
    });
    expect((await json('PUT', config, { cores: { a: 1 } })).body.errors).toEqual({
      cores: "type check ('integer') failed - got HASH",
    });
  });

  it('are read as the real server reads them: repeated keys, bare keys, query before body, `;` and a second `=`', async () => {
    const config = '/nodes/lab1/qemu/100/config';
    expect((await form(config, 'name=a&name=b')).body.errors).toEqual({
      name: "type check ('string') failed - got ARRAY",
    });
    expect((await form(config, 'nosuch')).body.errors).toEqual({
      nosuch: 'property is not defined in schema and the schema does not allow additional properties',
    });
    expect((await form(`${config}?name=first`, 'name=second')).status).toBe(200);
    expect((await test.root.data('GET', config)).name).toBe('first');
    expect((await form(config, 'name=one;onboot=0')).status).toBe(200);
    expect(await test.root.data('GET', config)).toMatchObject({ name: 'one', onboot: 0 });
    expect((await form(config, 'net0=virtio,bridge=vmbr0')).body.errors).toEqual({
      net0: 'invalid format - duplicate key in comma-separated list property: model\n',
    });
    expect((await form(config, 'vmid=101&onboot=1')).body.errors).toEqual({
      vmid: 'duplicate parameter (already defined in URI) with conflicting values!',
    });
    // Browsers put this on against caches.
    expect((await send('GET', '/api2/json/version?_dc=1')).status).toBe(200);
  });

  it('find the lab where a browser would find the web interface', async () => {
    const page = await test.client().send('GET', '/');
    expect([page.status, page.text.includes('Bastide lab')]).toEqual([200, true]);
  });
});
