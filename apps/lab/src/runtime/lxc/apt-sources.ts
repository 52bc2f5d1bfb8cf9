/** The host's apt sources, as far as guests may use them: Debian's own archive, never third parties. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
export const DEBIAN_RELEASE = 'bookworm';
const DEFAULT: readonly AptSource[] = [
  { uri: 'http://deb.debian.org/debian', suite: DEBIAN_RELEASE, components: ['main'] },
  { uri: 'http://deb.debian.org/debian', suite: `${DEBIAN_RELEASE}-updates`, components: ['main'] },
  { uri: 'http://deb.debian.org/debian-security', suite: `${DEBIAN_RELEASE}-security`, components: ['main'] },
];

/** Entries of one file: `.sources` (deb822) or `.list` (one line each), see sources.list(5). */
export function parseAptSources(text: string, deb822: boolean): AptSource[] {
  const found: AptSource[] = [];
  if (!deb822) {
    for (const line of text.split('\n')) {
      const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+?)\s*(?:#.*)?$/.exec(line);
      if (match) found.push({ uri: match[1]!, suite: match[2]!, components: match[3]!.split(/\s+/) });
    }
    return found;
  }
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string) =>
      new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im')
        .exec(stanza.replace(/^#.*\n?/gm, ''))?.[1]
        ?.trim()
        .split(/\s+/) ?? [];
    if (!field('Types').includes('deb') || field('Enabled')[0] === 'no') continue;
    for (const uri of field('URIs'))
      for (const suite of field('Suites')) found.push({ uri, suite, components: field('Components') });
  }
  return found;
}

/** Debian main, updates and security from where the host takes them; the public mirrors where the host says nothing. */
export async function hostAptSources(etcApt = '/etc/apt'): Promise<readonly AptSource[]> {
  const files = [join(etcApt, 'sources.list')];
  for (const name of (await readdir(join(etcApt, 'sources.list.d')).catch((): string[] => [])).sort())
    if (/\.(list|sources)$/.test(name)) files.push(join(etcApt, 'sources.list.d', name));
  const found: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    found.push(...parseAptSources(text, file.endsWith('.sources')));
  }
  const wanted = DEFAULT.flatMap((standard) => {
    const own = found.find(
      (s) => s.suite === standard.suite && s.components.includes('main') && /^https?:/.test(s.uri),
    );
    return [{ ...standard, uri: (own?.uri ?? standard.uri).replace(/\/+$/, '') }];
  });
  return wanted;
}

export function sourcesList(sources: readonly AptSource[]): string {
  return sources.map((s) => `deb [signed-by=${KEYRING}] ${s.uri} ${s.suite} ${s.components.join(' ')}\n`).join('');
}

/** As guests see them: always http, because the lab's proxy speaks TLS for them. */
export function guestSourcesList(sources: readonly AptSource[]): string {
  return sourcesList(sources.map((source) => ({ ...source, uri: source.uri.replace(/^https:/, 'http:') })));
}
