import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { pack } from 'tar-stream';
import type { Catalogue, CatalogueContent } from '../../application/catalogue/catalogue.port.js';
import { type Parsed, parseBlueprint, parseInterface, parseModule } from '../../documents/documents.js';
import type { Blueprint } from '../../domain/blueprint/blueprint.js';
import type { Diagnostic } from '../../domain/diagnostic.js';
import type { Sha256 } from '../../domain/ids.js';
import type { InterfaceDefinition } from '../../domain/module/interface.js';
import type { ModuleManifest } from '../../domain/module/manifest.js';

/** Limits of one module folder: what is delivered to guests must stay small; large things are artifacts. */
const MAX_FILES = 2000;
const MAX_BYTES = 16 * 1024 * 1024;
/** A larger icon is none: a page shows dozens of them. */
const MAX_ICON_BYTES = 64 * 1024;

interface FolderFile {
  /** With forward slashes, below the module's folder. */
  readonly name: string;
  readonly executable: boolean;
  readonly content: Buffer;
}

/**
 * Modules, interfaces and blueprints from folders: `<modules>/<name>/module.yaml`, `<modules>/interfaces/*.yaml`,
 * `<blueprints>/<name>/blueprint.yaml`. A module's digest covers names, executable bits and contents of its files, so
 * that the same folder has the same digest everywhere. Documents with findings are left out and reported.
 */
export class DirectoryCatalogue implements Catalogue {
  readonly #folders = new Map<string, string>();

  constructor(
    private readonly directories: { readonly modules: readonly string[]; readonly blueprints: readonly string[] },
  ) {}

  async load(): Promise<CatalogueContent & { readonly diagnostics: readonly Diagnostic[] }> {
    const diagnostics: Diagnostic[] = [];
    const keep = <T>(parsed: Parsed<T>): T[] => {
      diagnostics.push(...parsed.diagnostics);
      return parsed.value === undefined ? [] : [parsed.value];
    };
    const modules: ModuleManifest[] = [];
    const interfaces: InterfaceDefinition[] = [];
    const blueprints: Blueprint[] = [];
    for (const directory of this.directories.modules) {
      for (const file of await filesIn(join(directory, 'interfaces'))) {
        if (file.endsWith('.yaml'))
          interfaces.push(...keep(parseInterface(file, await readFile(file, 'utf8'), basename(file, '.yaml'))));
      }
      for (const folder of await foldersIn(directory)) {
        const name = basename(folder);
        const file = join(folder, 'module.yaml');
        if (name === 'interfaces' || !(await exists(file))) continue;
        const files = await readFolder(folder).catch(asFinding(file, name));
        if (!Array.isArray(files)) {
          diagnostics.push(files);
          continue;
        }
        const digest = digestOf(files);
        const hookFiles = files
          .filter((entry) => entry.executable && /^hooks\/[^/]+$/.test(entry.name))
          .map((entry) => entry.name.slice('hooks/'.length));
        const manifest = keep(parseModule(file, await readFile(file, 'utf8'), { name, digest, hookFiles }));
        if (manifest.length > 0) this.#folders.set(`${name}@${digest}`, folder);
        const icon = iconIn(files);
        modules.push(...manifest.map((one) => (icon ? { ...one, icon: sha256(icon) } : one)));
      }
    }
    for (const directory of this.directories.blueprints) {
      for (const folder of await foldersIn(directory)) {
        const file = join(folder, 'blueprint.yaml');
        if (!(await exists(file))) continue;
        const text = await readFile(file, 'utf8');
        blueprints.push(...keep(parseBlueprint(file, text, { name: basename(folder), digest: sha256(text) })));
      }
    }
    return { modules, interfaces, blueprints, diagnostics };
  }

  async icon(name: string): Promise<Buffer | undefined> {
    const newest = (await this.load()).modules.findLast((module) => module.name === name);
    const folder = newest && this.#folders.get(`${name}@${newest.digest}`);
    return folder && newest.icon ? iconIn(await readFolder(folder)) : undefined;
  }

  async moduleTar(name: string, digest: string): Promise<Buffer> {
    let folder = this.#folders.get(`${name}@${digest}`);
    if (!folder) {
      await this.load();
      folder = this.#folders.get(`${name}@${digest}`);
    }
    if (!folder) throw new Error(`module ${name} with digest ${digest} is not in the catalogue`);
    const files = await readFolder(folder);
    if (digestOf(files) !== digest)
      throw new Error(`module ${name} changed on disk: its digest is no longer ${digest}`);
    const tar = pack();
    for (const file of files) {
      tar.entry(
        {
          name: file.name,
          mode: file.executable ? 0o755 : 0o644,
          mtime: new Date(0),
          uid: 0,
          gid: 0,
          size: file.content.length,
        },
        file.content,
      );
    }
    tar.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
}

const iconIn = (files: readonly FolderFile[]): Buffer | undefined =>
  files.find(({ name, content }) => name === 'icon.svg' && content.length <= MAX_ICON_BYTES)?.content;

/** The folder holds something that cannot be delivered; the message names it. */
class UnfitFolder extends Error {}

/** One unfit folder must not hide all the others. Anything else (no right to read) stays an error. */
const asFinding =
  (file: string, name: string) =>
  (error: unknown): Diagnostic => {
    if (!(error instanceof UnfitFolder)) throw error;
    const place = { file, line: 1, column: 1 };
    return { severity: 'error', code: 'module.folder', subject: name, message: error.message, place };
  };

async function readFolder(folder: string): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) continue;
    // A link could lead out of the folder and differ from machine to machine.
    if (!entry.isFile()) throw new UnfitFolder(`${path} is neither a file nor a folder`);
    const { mode, size } = await stat(path);
    bytes += size;
    if (bytes > MAX_BYTES || files.length >= MAX_FILES)
      throw new UnfitFolder(
        `${folder} is larger than ${MAX_BYTES} bytes or ${MAX_FILES} files: large things belong into artifacts`,
      );
    files.push({
      name: relative(folder, path).split(sep).join('/'),
      executable: (mode & 0o100) !== 0,
      content: await readFile(path),
    });
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function digestOf(files: readonly FolderFile[]): Sha256 {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file.name}\0${file.executable ? 'x' : '-'}\0${sha256(file.content)}\n`);
  return hash.digest('hex');
}

const sha256 = (content: string | Buffer): Sha256 => createHash('sha256').update(content).digest('hex');

async function foldersIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(absentIsEmpty);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name))
    .sort();
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(absentIsEmpty);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(directory, entry.name))
    .sort();
}

function absentIsEmpty(error: unknown): never[] {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  throw error;
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
