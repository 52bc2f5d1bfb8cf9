import { chmod, cp, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { DirectoryCatalogue } from './directory-catalogue.js';

const MODULE = `apiVersion: bastide.dev/v1
kind: Module
metadata: { name: notes, version: 1.0.0, appVersion: "7", title: Notes, summary: Notes., tier: app, category: wiki, licence: EUPL-1.2 }
spec:
  hooks: { install: {} }
`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bastide-catalogue-'));
  await givenModule(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function givenModule(directory: string): Promise<void> {
  await mkdir(join(directory, 'modules/notes/hooks'), { recursive: true });
  await mkdir(join(directory, 'modules/notes/files/deep/er'), { recursive: true });
  await writeFile(join(directory, 'modules/notes/module.yaml'), MODULE);
  await writeFile(join(directory, 'modules/notes/hooks/install'), '#!/bin/bash\n');
  await chmod(join(directory, 'modules/notes/hooks/install'), 0o755);
  await writeFile(join(directory, 'modules/notes/files/deep/er/b.conf'), 'b');
  await writeFile(join(directory, 'modules/notes/files/a.bin'), Buffer.from([0, 255, 0]));
}

const catalogue = (directory = root) =>
  new DirectoryCatalogue({ modules: [join(directory, 'modules')], blueprints: [join(directory, 'blueprints')] });
const inModule = (...path: string[]): string => join(root, 'modules/notes', ...path);
const digest = async (directory = root): Promise<string> => {
  const { modules, diagnostics } = await catalogue(directory).load();
  expect(diagnostics).toEqual([]);
  return modules[0]!.digest;
};

describe("a module's digest", () => {
  it('is the same for the same files elsewhere, at another time, with other rights for the group', async () => {
    const before = await digest();
    const copy = join(root, 'copy');
    await cp(join(root, 'modules'), join(copy, 'modules'), { recursive: true });
    await utimes(join(copy, 'modules/notes/files/a.bin'), 1, 1);
    await chmod(join(copy, 'modules/notes/files/a.bin'), 0o600);
    expect(await digest(copy)).toBe(before);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['content of a file', () => writeFile(inModule('files/a.bin'), Buffer.from([0, 255, 1]))],
    ['executable bit', () => chmod(inModule('files/a.bin'), 0o755)],
    ['new file, even an empty one', () => writeFile(inModule('files/c'), '')],
    [
      'file that moved',
      () => rm(inModule('files/a.bin')).then(() => writeFile(inModule('files/b.bin'), Buffer.from([0, 255, 0]))),
    ],
    ['file that is gone', () => rm(inModule('files/deep'), { recursive: true })],
  ])('changes with the %s', async (_, change) => {
    const before = await digest();
    await change();
    expect(await digest()).not.toBe(before);
  });
});

describe("a module's tar", () => {
  it('is the same, byte for byte, for the same digest', async () => {
    await givenModule(join(root, 'other'));
    const sum = await digest();
    const [here, there] = [catalogue(), catalogue(join(root, 'other'))];
    expect((await here.moduleTar('notes', sum)).equals(await there.moduleTar('notes', sum))).toBe(true);
  });

  it('holds every file below relative names, owned by root, with its executable bit only', async () => {
    await chmod(inModule('files/a.bin'), 0o666);
    expect(await entriesOf(await catalogue().moduleTar('notes', await digest()))).toEqual({
      'files/a.bin': { mode: 0o644, uid: 0, mtime: 0, content: '\u0000\u00ff\u0000' },
      'files/deep/er/b.conf': { mode: 0o644, uid: 0, mtime: 0, content: 'b' },
      'hooks/install': { mode: 0o755, uid: 0, mtime: 0, content: '#!/bin/bash\n' },
      'module.yaml': { mode: 0o644, uid: 0, mtime: 0, content: MODULE },
    });
  });

  it('is refused when the folder is not what was planned with any more', async () => {
    const loaded = catalogue();
    const { modules } = await loaded.load();
    await writeFile(inModule('files/a.bin'), 'changed');
    await expect(loaded.moduleTar('notes', modules[0]!.digest)).rejects.toThrow(/notes changed on disk/);
  });

  it('is refused for a module that is not there', async () => {
    await expect(catalogue().moduleTar('../notes', await digest())).rejects.toThrow(/not in the catalogue/);
  });
});

describe('what a folder must not hold', () => {
  it.each([
    ['a link to a file outside', '/etc/passwd'],
    ['a link to a folder outside', '/etc'],
    ['a link to a file inside', 'a.bin'],
    ['a link to nothing', 'nowhere'],
  ])('%s: the module is left out with a finding that names it, the others stay', async (_, target) => {
    await symlink(target, inModule('files/link'));
    await givenInterface();
    const { modules, interfaces, diagnostics } = await catalogue().load();
    expect(modules).toEqual([]);
    expect(interfaces).toHaveLength(1);
    expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
      ['module.folder', expect.stringContaining(inModule('files/link'))],
    ]);
  });

  it('more than it should carry', async () => {
    await writeFile(inModule('files/big'), Buffer.alloc(16 * 1024 * 1024));
    const { modules, diagnostics } = await catalogue().load();
    expect(modules).toEqual([]);
    expect(diagnostics[0]?.message).toContain('artifacts');
  });
});

describe('loading', () => {
  it('no folder at all is an empty catalogue', async () => {
    expect(await catalogue(join(root, 'nowhere')).load()).toEqual({
      modules: [],
      interfaces: [],
      blueprints: [],
      diagnostics: [],
    });
  });

  it('a module with a finding is left out and reported, the others stay', async () => {
    await cp(inModule(), join(root, 'modules/broken'), { recursive: true });
    const { modules, diagnostics } = await catalogue().load();
    expect(modules.map(({ name }) => name)).toEqual(['notes']);
    expect(diagnostics.map(({ code, place }) => [code, place?.file])).toEqual([
      ['module.name', join(root, 'modules/broken/module.yaml')],
    ]);
  });

  it('a hook without its executable bit is reported', async () => {
    await chmod(inModule('hooks/install'), 0o644);
    const { diagnostics } = await catalogue().load();
    expect(diagnostics.map(({ code }) => code)).toEqual(['module.hook_missing']);
  });

  it('a folder without module.yaml is none of ours', async () => {
    await mkdir(join(root, 'modules/scratch'));
    expect((await catalogue().load()).modules).toHaveLength(1);
  });
});

async function givenInterface(): Promise<void> {
  await mkdir(join(root, 'modules/interfaces'));
  await writeFile(
    join(root, 'modules/interfaces/thing-v1.yaml'),
    'apiVersion: bastide.dev/v1\nkind: Interface\nmetadata: { name: thing, version: 1, title: T, summary: S }\nspec: { offer: {} }\n',
  );
}

async function entriesOf(tar: Buffer): Promise<Record<string, unknown>> {
  const entries: Record<string, unknown> = {};
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, mode, uid, mtime } = entry.header;
    entries[name] = { mode, uid, mtime: mtime?.getTime(), content: Buffer.concat(chunks).toString('latin1') };
  }
  return entries;
}

describe("a module's icon", () => {
  it('is given as it is, with its digest; none when there is none or it is too large', async () => {
    expect((await catalogue().load()).modules[0]?.icon).toBeUndefined();
    expect(await catalogue().icon('notes')).toBeUndefined();
    const drawn = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    await writeFile(inModule('icon.svg'), drawn);
    expect((await catalogue().load()).modules[0]?.icon).toMatch(/^[0-9a-f]{64}$/);
    expect((await catalogue().icon('notes'))?.toString()).toBe(drawn);
    expect(await catalogue().icon('../notes')).toBeUndefined();
    await writeFile(inModule('icon.svg'), `<svg>${' '.repeat(70_000)}</svg>`);
    expect(await catalogue().icon('notes')).toBeUndefined();
  });
});
