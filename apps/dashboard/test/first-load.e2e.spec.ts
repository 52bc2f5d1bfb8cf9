import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BUILT = 'dist/dashboard';
const MOST = 250_000;

interface Chunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly imports?: readonly string[];
}

/** Files that a browser needs before it can show a page: the chunk, what it imports at once, and their styles. */
function filesOf(manifest: Readonly<Record<string, Chunk>>, entries: readonly string[]): string[] {
  const seen = new Set<string>();
  const files = new Set<string>();
  const visit = (name: string): void => {
    const chunk = manifest[name];
    if (!chunk || seen.has(name)) return;
    seen.add(name);
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
    for (const next of chunk.imports ?? []) visit(next);
  };
  for (const entry of entries) visit(entry);
  return [...files];
}

it('the first load of the home page stays below 250 kB, packed', () => {
  const manifest = JSON.parse(readFileSync(join(BUILT, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>;
  const entries = [
    'index.html',
    'src/pages/home/home-page.tsx',
    'src/i18n/en/shell.json',
    'src/i18n/en/home.json',
    'src/i18n/en/acts.json',
  ];
  expect(entries.filter((entry) => !manifest[entry])).toEqual([]);
  const sizes = filesOf(manifest, entries).map((file) => gzipSync(readFileSync(join(BUILT, file))).length);
  const all = sizes.reduce((sum, size) => sum + size, gzipSync(readFileSync(join(BUILT, 'index.html'))).length);
  process.stderr.write(`first load: ${Math.round(all / 1000)} kB in ${sizes.length + 1} files, gzip\n`);
  expect(all).toBeLessThan(MOST);
});
