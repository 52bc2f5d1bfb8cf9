/** Builds the guest image once per machine and keeps it, shared by all labs of the machine. Images are never booted. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { RuntimeError } from '../guest-runtime.port.js';
import { DEBIAN_RELEASE, hostAptSources, sourcesList } from './apt-sources.js';
import { IMAGE_NAME, imageRecipe } from './image-recipe.js';
import { runCommand } from './run-command.js';

const HOST_AUTHORITIES = '/usr/local/share/ca-certificates';
/** Older package lists name files that the archive no longer has. */
const STALE_DAYS = 7;

async function hostCertificates(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(HOST_AUTHORITIES).catch((): string[] => [])).sort())
    if (/^[\w.-]+\.crt$/.test(name)) found[name] = await readFile(join(HOST_AUTHORITIES, name), 'utf8');
  return found;
}

export class ImageCache {
  private building: Promise<string> | undefined;

  constructor(
    private readonly folder: string,
    private readonly log: (message: string, fields?: Record<string, unknown>) => void,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * The file behind the image, built when missing (25 s with a near mirror) or when its package lists are a week old;
   * an old one stays in use when building fails, as it does without a network.
   */
  async builtin(signal?: AbortSignal): Promise<string> {
    this.building ??= this.findOrBuild(signal).finally(() => {
      this.building = undefined;
    });
    return this.building;
  }

  /** The file of an image by name, or by absolute path for images that came from elsewhere. */
  async file(image: string, signal?: AbortSignal): Promise<string> {
    if (image === IMAGE_NAME) return this.builtin(signal);
    const file = isAbsolute(image) ? image : join(this.folder, basename(image));
    if (!(await stat(file).catch(() => undefined))?.isFile()) throw new RuntimeError(`image '${image}' does not exist`);
    return file;
  }

  private async findOrBuild(signal?: AbortSignal): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    const sources = await hostAptSources();
    const recipe = imageRecipe(sources, await hostCertificates());
    const file = join(this.folder, `${IMAGE_NAME.replace('.tar.zst', '')}-${recipe.digest}.tar.zst`);
    const have = await stat(file).catch(() => undefined);
    if (have && this.now() - have.mtimeMs < STALE_DAYS * 86_400_000) return file;
    this.log('building the guest image', { file });
    const work = await mkdtemp(join(tmpdir(), 'bastide-image-'));
    try {
      await writeFile(join(work, 'customize'), recipe.customize, { mode: 0o755 });
      await writeFile(join(work, 'sources.list'), sourcesList(sources));
      const fresh = `${file}.${process.pid}.tar.zst`;
      const args = [
        '--mode=root', '--variant=minbase', '--skip=cleanup/apt/lists', `--include=${recipe.packages.join(',')}`,
        '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::GzipIndexes "true"',
        `--customize-hook=${join(work, 'customize')}`, DEBIAN_RELEASE, fresh, join(work, 'sources.list'),
      ]; // biome-ignore format: pairs
      try {
        await runCommand('mmdebstrap', args, { timeoutMs: 540_000, ...(signal ? { signal } : {}) });
        await rename(fresh, file);
      } finally {
        await rm(fresh, { force: true });
      }
      this.log('guest image built', { file });
    } catch (cause) {
      if (!have)
        throw new RuntimeError(
          `the guest image cannot be built: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause },
        );
      this.log('the guest image is old and cannot be rebuilt; the old one stays', { file, cause });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return file;
  }
}
