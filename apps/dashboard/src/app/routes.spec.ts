import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));

/** Files below `src` that a file needs before it can be shown; what it asks for later by `import()` is not among them. */
function needed(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)[^;]*?from '(\.[^']+)\.js';/gms)) {
    const found = [`${path}.tsx`, `${path}.ts`].map((name) => resolve(dirname(file), name)).find(existsSync);
    if (found !== undefined) needed(found, seen);
  }
  return seen;
}

/** Screens whose texts a file waits for. */
const waitedFor = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/useTranslation\(([^)]*)\)/g)]
    .map(([, given = '']) => given)
    .filter((given) => !given.includes('useSuspense: false'))
    .flatMap((given) => [...given.matchAll(/'([a-z-]+)'/g)].map(([, name = '']) => name));

const pages = [
  ...readFileSync(resolve(HERE, 'routes.tsx'), 'utf8').matchAll(
    /page\(\s*'([^']+)',\s*\(\) => import\('([^']+)\.js'\)([^)]*)\)/g,
  ),
].map(([, path = '', file = '', rest = '']) => ({
  path,
  file: resolve(HERE, `${file}.tsx`),
  texts: [...rest.matchAll(/'([a-z-]+)'/g)].map(([, name = '']) => name),
}));

it('every page is looked at', () => expect(pages.length).toBeGreaterThan(15));

it.each(pages)('$path comes with all its texts: none that comes late takes the page away again', ({ file, texts }) => {
  const used = new Set([...needed(file)].flatMap(waitedFor));
  expect([...used].filter((name) => name !== 'shell' && !texts.includes(name))).toEqual([]);
});
