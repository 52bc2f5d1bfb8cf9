import { parseYaml } from './yaml-document.js';

const findings = (text: string): string[] =>
  parseYaml('x.yaml', text).diagnostics.map(({ code, place }) => `${code} ${place?.line}:${place?.column}`);

describe('a file that is no document is refused with its place', () => {
  it.each<[string, string, string]>([
    ['nothing', '', 'document.empty 1:1'],
    ['only a comment', '# nothing\n', 'document.empty 1:1'],
    ['a list', '- a\n', 'document.not_a_mapping 1:1'],
    ['plain text', 'hello\n', 'document.not_a_mapping 1:1'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'document.several 2:1'],
    ['a key twice', 'a: 1\nb:\n  c: 1\n  c: 2\n', 'document.duplicate_key 4:3'],
    ['a number and a text that are the same key', '1: a\n"1": b\n', 'document.duplicate_key 2:1'],
    ['a mapping as a key', 'a:\n  ? { b: c }\n  : d\n', 'document.key 2:5'],
    ['a key that is no text', 'a: 1\ntrue: 2\n', 'document.key 2:1'],
    ['a missing colon', 'a: 1\nb\nc: 2\n', 'document.syntax 2:1'],
    ['a bracket left open', 'a: [1, 2\n', 'document.syntax 2:1'],
    ['an alias without its anchor', 'a: *nobody\n', 'document.syntax 1:4'],
    ['a tab for indentation', 'a:\n\tb: 1\n', 'document.syntax 2:1'],
    ['an unknown tag', 'a: !secret x\n', 'document.syntax 1:4'],
  ])('%s', (_, text, finding) => {
    expect(findings(text)).toContain(finding);
  });
});

describe('a hostile file is refused, quickly and without harm', () => {
  const levels = 10_000;
  it.each<[string, string, string]>([
    ['a NUL byte in the text', 'a: 1\nb: x\0y\n', 'document.character 2:5'],
    ['an escaped NUL', 'a: 1\nb: "x\\0"\n', 'document.character 2:4'],
    ['an escaped half of a character', 'b: "\\uD800"\n', 'document.character 1:4'],
    ['an escape sequence for terminals', 'a: "\\e[2J"\n', 'document.character 1:4'],
    ['a control character in a key', '"a\\x01": 1\n', 'document.character 1:1'],
    ['more bytes than a document may have', `a: ${'x'.repeat(256 * 1024)}`, 'document.too_large 1:1'],
    ['the same in characters of several bytes', `a: ${'é'.repeat(130 * 1024)}`, 'document.too_large 1:1'],
    ['an alias that holds itself', 'a: &a [*a]\n', 'document.too_deep 1:1'],
    ['a mapping that holds itself', 'a: &a { b: *a }\n', 'document.too_deep 1:1'],
    [
      'aliases that explode',
      `a0: &a0 x\n${Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`).join('\n')}`,
      'document.syntax 1:1',
    ],
  ])('%s', (_, text, finding) => {
    expect(findings(text)).toEqual([finding]);
  });

  // How far the parser gets before it gives up depends on the stack, so the column is not asserted.
  it.each<[string, string]>([
    ['lists', `a: ${'['.repeat(levels)}${']'.repeat(levels)}`],
    ['lists never closed', `a: ${'['.repeat(levels)}`],
    ['mappings', `a: ${'{a: '.repeat(levels)}${'}'.repeat(levels)}`],
    ['block lists', `a:\n  ${'- '.repeat(levels)}x`],
    ['block mappings', Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['lists just too deep', `a: ${'['.repeat(64)}${']'.repeat(64)}`],
  ])('%s nested very deeply', (_, text) => {
    const { source, diagnostics } = parseYaml('x.yaml', text);
    expect(source).toBeUndefined();
    expect(diagnostics.map(({ code }) => code)).toEqual(['document.too_deep']);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'])(
    'the key %s, also below others',
    (key) => {
      expect(findings(`${key}: 1\n`)).toEqual(['document.key 1:1']);
      expect(findings(`a:\n  - ${key}: { polluted: yes }\n`)).toEqual(['document.key 2:5']);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  it('thousands of syntax errors give at most a hundred findings', () => {
    expect(findings('}\n'.repeat(30_000))).toHaveLength(100);
  });

  it('thirty thousand keys are no trouble', () => {
    const { source } = parseYaml('x.yaml', Array.from({ length: 30_000 }, (_, i) => `k${i}:`).join('\n'));
    expect(Object.keys(source?.value as object)).toHaveLength(30_000);
  });
});

describe('places', () => {
  const { source } = parseYaml('x.yaml', '# first\na:\n  - b: 1\n    c: { d: é }\n  - *x\nx: 2\n'.replace('*x', 'y'));

  it.each<[string, (string | number)[], 'key' | 'value', string]>([
    ['a value', ['a', 0, 'b'], 'value', '3:8'],
    ['a key', ['a', 0, 'b'], 'key', '3:5'],
    ['a value inside braces', ['a', 0, 'c', 'd'], 'value', '4:13'],
    ['an item of a list', ['a', 1], 'value', '5:5'],
    ['something that is not there: what encloses it', ['a', 0, 'c', 'e'], 'value', '4:8'],
    ['something far from there: the document', ['z', 'y'], 'value', '2:1'],
  ])('%s', (_, path, what, place) => {
    const { line, column } = source?.placeOf(path, what) ?? {};
    expect(`${line}:${column}`).toBe(place);
  });

  it('a file with a byte order mark and Windows line ends reads like any other', () => {
    const windows = parseYaml('x.yaml', '\uFEFFa: 1\r\nb:\r\n  c: 2\r\n');
    expect(windows.source?.value).toEqual({ a: 1, b: { c: 2 } });
    expect(windows.source?.placeOf(['b', 'c'])).toEqual({ file: 'x.yaml', line: 3, column: 6 });
  });
});
