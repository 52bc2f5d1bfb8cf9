import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Sentences } from '../../src/i18n/sentences.js';
import { filesBelow, type Said, saidSentences, sourcesBelow } from './said-sentences.js';

const CONTROL_PLANE = 'apps/control-plane/src';
/** Never on a screen: stand-ins for tests, programs' own starts, and what is written in each target's language already. */
const ELSEWHERE =
  /adapters\/(fake|acme|certificates|embedded)|\/testing\/|src\/(main|generate|config)|notification\/words/;
/** Said by the framework of the checks around the fields of a request, not by a decorator. */
const FRAME = ['property {0} should not exist', 'each value in {0} {1…}'];

/** What the decorators that check requests and documents say of a field, without its name. */
function checkSentences(): Said[] {
  const used = new Set(
    sourcesBelow(CONTROL_PLANE).flatMap((file) => {
      const [, names = ''] = /import \{([^}]*)\} from 'class-validator'/.exec(readFileSync(file, 'utf8')) ?? [];
      return names.match(/\w+/g) ?? [];
    }),
  );
  return filesBelow('node_modules/class-validator/esm2015/decorator')
    .filter((file) => used.has(basename(file, '.js')))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/'([^'\n]*\$property[^'\n]*)'/g)].map(([, text = '']) => ({
        text: numbered(text.replace(/^\$property /, '')),
        at: file,
      })),
    );
}

function numbered(text: string): string {
  let holes = 0;
  return text.replace(/\$(property|constraint\d)/g, () => `{${holes++}}`);
}

let said: readonly Said[];
const translations = (language: string): Sentences =>
  JSON.parse(readFileSync(join('apps/dashboard/src/i18n/sentences', `${language}.json`), 'utf8')) as Sentences;
const holes = (text: string): string =>
  [...text.matchAll(/\{(\d+)/g)]
    .map(([, number]) => number)
    .sort((one, other) => Number(one) - Number(other))
    .join();

beforeAll(() => {
  const frame = FRAME.map((text) => ({ text, at: 'class-validator' }));
  said = [...saidSentences(CONTROL_PLANE, ELSEWHERE), ...checkSentences(), ...frame];
}, 120_000);

it('the sentences are found where they are said', () => {
  const texts = said.map(({ text }) => text);
  expect(texts.length).toBeGreaterThan(700);
  expect(texts).toEqual(
    expect.arrayContaining([
      'There is no such stack.', // a refusal
      'Give a value for {0}.', // a finding's remedy
      'Look at the load and the storages of that node.', // one way of a condition
      'is taken', // an argument of a function
      'Wait until it is cancelled.', // a table
      'Address {0} in {1} was given to somebody else meanwhile.', // a word chosen inside a sentence
      'This needs the role {0…}.',
      'operator', // a word that a type names
      'another operation on guest {0}', // a wait
      'must be an email', // a check of a field
    ]),
  );
});

describe.each(['de', 'fr'])('%s', (language) => {
  const known = translations(language);

  it('has every sentence that the control plane can say', () => {
    expect(said.filter(({ text }) => !Object.hasOwn(known, text)).map(({ text, at }) => `${at}: ${text}`)).toEqual([]);
  });

  it('has none that nobody says any more', () => {
    const texts = new Set(said.map(({ text }) => text));
    expect(Object.keys(known).filter((text) => !texts.has(text))).toEqual([]);
  });

  it('leaves no gap out and no sentence empty', () => {
    const wrong = Object.entries(known).filter(([text, same]) => same.trim() === '' || holes(text) !== holes(same));
    expect(wrong).toEqual([]);
  });
});
