import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = 'apps/dashboard/src/i18n';
const languages = ['en', 'de', 'fr'];

type Texts = { [key: string]: string | Texts };
const read = (language: string, screen: string): Texts =>
  JSON.parse(readFileSync(join(folder, language, screen), 'utf8')) as Texts;
const flat = (texts: Texts, prefix = ''): [string, string][] =>
  Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string' ? [[prefix + key, value] as [string, string]] : flat(value, `${prefix}${key}.`),
  );
/** French has a third plural form for millions, which nobody here counts. */
const comparable = (key: string): string => key.replace(/_many$/, '_other');
const keysOf = (texts: Texts): string[] => [...new Set(flat(texts).map(([key]) => comparable(key)))].sort();
const placeholders = (text: string): string[] => [...new Set(text.match(/\{\{\s*\w+/g) ?? [])].sort();
const screens = readdirSync(join(folder, 'en'));

function sources(at: string): string[] {
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? sources(join(at, entry.name))
      : /(?<!\.spec)\.tsx?$/.test(entry.name)
        ? [join(at, entry.name)]
        : [],
  );
}

describe('every text is there in every language', () => {
  it.each(languages)('%s has the same screens', (language) => {
    expect(readdirSync(join(folder, language))).toEqual(screens);
  });

  it.each(screens.flatMap((screen) => ['de', 'fr'].map((language) => [screen, language] as const)))(
    '%s in %s says all that English says, with the same gaps to fill',
    (screen, language) => {
      const english = read('en', screen);
      const other = read(language, screen);
      expect(keysOf(other)).toEqual(keysOf(english));
      const gaps = new Map(flat(english).map(([key, text]) => [key, placeholders(text)]));
      expect(
        flat(other).filter(
          ([key, text]) => text.trim() === '' || placeholders(text).join() !== (gaps.get(comparable(key)) ?? []).join(),
        ),
      ).toEqual([]);
    },
  );

  it('every text that a screen asks for exists', () => {
    const missing: string[] = [];
    for (const file of sources('apps/dashboard/src')) {
      const code = readFileSync(file, 'utf8');
      const spoken = /useTranslation\(\s*(?:\[([^\]]*)\]|'([^']+)')?\s*\)/.exec(code);
      const named = (spoken?.[1] ?? spoken?.[2] ?? 'shell').match(/[\w-]+/g) ?? ['shell'];
      for (const [, key] of code.matchAll(/\bt\(\s*'([^']+)'/g)) {
        const [screen, rest] = key!.includes(':') ? key!.split(':') : [undefined, key];
        const looked = (screen ? [screen] : named).filter((name) => screens.includes(`${name}.json`));
        const keys = looked.flatMap((name) => keysOf(read('en', `${name}.json`)));
        if (!keys.some((one) => one === rest || one.replace(/_(zero|one|two|few|many|other)$/, '') === rest))
          missing.push(`${file}: ${key}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('every act of the audit has a name', () => {
    const folder = 'apps/control-plane/src/http/controllers';
    const acts = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/@Acts\('([^']+)'/g)].map(([, act]) =>
        act!.replace('.', '_'),
      ),
    );
    expect(acts.length).toBeGreaterThan(20);
    expect(acts.filter((act) => !keysOf(read('en', 'acts.json')).includes(act))).toEqual([]);
  });
});
