/**
 * The house rules that no other tool checks. Formatting and default exports are Biome's, imports and their direction
 * dependency-cruiser's, promises oxlint's (`npm run check`).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', 'migrations', '__snapshots__']);

function walk(folder: string): { files: string[]; folders: string[] } {
  const found = { files: [] as string[], folders: [folder] };
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) found.files.push(path);
    else {
      const inner = walk(path);
      found.files.push(...inner.files);
      found.folders.push(...inner.folders);
    }
  }
  return found;
}

const apps = walk('apps');
const sources = apps.files.filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'));
const domain = sources.filter(
  (file) => file.startsWith('apps/control-plane/src/domain/') && !/\.spec\.ts$|\/testing\//.test(file),
);
/** Code without its comments and texts, so that talking about a clock is allowed. */
const code = (file: string): string =>
  readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
const offenders = (files: readonly string[], pattern: RegExp): string[] =>
  files.filter((file) => pattern.test(code(file)));

describe('names', () => {
  it('files are in kebab-case, with a role behind a dot where there is one', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(
      sources
        .map((file) => basename(file))
        .filter((name) => !/^(\d{4}-)?[a-z][a-z0-9]*(-[a-z0-9]+)*(\.[a-z0-9]+)*\.tsx?$/.test(name)),
    ).toEqual([]);
  });

  it('nothing is called Manager, Helper, Util or Impl, and no barrel hides what is where', () => {
    expect(sources.filter((file) => /(^|[-/.])(manager|helpers?|utils?|impl)[-.]/.test(file))).toEqual([]);
    expect(sources.filter((file) => /\/index\.ts$/.test(file))).toEqual([]);
    expect(offenders(sources, /\b(class|interface) \w*(Manager|Helper|Util|Impl)\b/)).toEqual([]);
  });
});

describe('the domain is data', () => {
  it.each<[string, RegExp]>([
    ['no clock', /\bDate\.now\(|\bnew Date\(\)|\bperformance\./],
    ['no chance', /\bMath\.random\(|\bcrypto\b/],
    ['no promises', /\basync\b|\bawait\b|\bPromise</],
    ['no outside', /\bprocess\.|\bconsole\.|(?<!\.)\bfetch\(|from 'node:/],
  ])('%s', (_, pattern) => {
    expect(domain.length).toBeGreaterThan(20);
    expect(offenders(domain, pattern)).toEqual([]);
  });
});

describe('no test that lies', () => {
  const specs = sources.filter((file) => file.endsWith('.spec.ts'));

  it('none is left alone, none mocks a module', () => {
    expect(
      offenders(specs, /\b(it|test|describe)\.only\(|\bf(it|describe)\(|\bjest\.(unstable_)?mock(Module)?\(/),
    ).toEqual([]);
  });

  it('every one asserts something', () => {
    // Conformance suites hold their assertions in a function that the spec calls.
    expect(
      specs.filter(
        (file) =>
          !/\bexpect\(|\bexpect\.|\bassert|[Cc]onform|\bexpectTypeOf|Suite\(|\bholds?\w*\(/.test(
            readFileSync(file, 'utf8'),
          ),
      ),
    ).toEqual([]);
  });
});

describe('every room has a sign', () => {
  const rooms = [
    ...readdirSync('apps', { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join('apps', entry.name)),
    ...['domain', 'application', 'adapters', 'documents', 'http', 'worker', 'config'].map((room) =>
      join('apps/control-plane/src', room),
    ),
    ...['modules', 'modules/interfaces', 'blueprints', 'infra', 'docs'],
  ].filter((room) => existsSync(room) && walk(room).files.length > 0);

  it.each(rooms)('%s', (room) => {
    expect(readFileSync(join(room, 'README.md'), 'utf8').trim().length).toBeGreaterThan(80);
  });
});
