import { guestSourcesList, parseAptSources } from './apt-sources.js';

describe('apt sources of the host', () => {
  it('reads deb822 files with several suites and comments', () => {
    const text = `# mirror\nTypes: deb\n# a comment\nURIs: https://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\n\nTypes: deb-src\nURIs: http://src.example/\nSuites: bookworm\nComponents: main\n\nEnabled: no\nTypes: deb\nURIs: http://off.example/\nSuites: bookworm\nComponents: main\n`;
    expect(parseAptSources(text, true)).toEqual([
      { uri: 'https://mirror.example/debian', suite: 'bookworm', components: ['main', 'contrib'] },
      { uri: 'https://mirror.example/debian', suite: 'bookworm-updates', components: ['main', 'contrib'] },
    ]);
  });
  it('reads one-line files with options', () => {
    const text =
      'deb [arch=amd64 signed-by=/x.gpg] http://a.example/debian bookworm main # here\n#deb http://no.example x y\ndeb-src http://b.example z main\n';
    expect(parseAptSources(text, false)).toEqual([
      { uri: 'http://a.example/debian', suite: 'bookworm', components: ['main'] },
    ]);
  });
  it('shows guests plain http, because the proxy speaks TLS for them', () => {
    expect(guestSourcesList([{ uri: 'https://a.example/debian', suite: 's', components: ['main'] }])).toContain(
      '] http://a.example/debian s main',
    );
  });
});
