import { translator } from './sentences.js';

const german = translator({
  'There is no such stack.': 'Diesen Stack gibt es nicht.',
  'Give a value for {0}.': 'Einen Wert für {0} angeben.',
  '{0} needs {1}, but {2}.': '{0} braucht {1}, aber {2}.',
  '{0} needs {1}, but nobody provides it.': '{0} braucht {1}, aber niemand bietet es an.',
  'The site {0} has {1}.': '{1} hat der Standort {0}.',
  'A value cannot be filled in: {0…}.': 'Ein Wert lässt sich nicht einsetzen: {0}.',
  'there is no fact "{0}"': 'es gibt keine Angabe "{0}"',
  'is taken': 'ist vergeben',
  installed: 'installiert',
  'must have at least {0}': 'muss mindestens {0} haben',
  'The file has: {0…}.': 'Die Datei hat: {0}.',
  '{0…}/{1} from {2}': '{0}/{1} von {2}',
});

describe('a sentence of the control plane', () => {
  it.each([
    ['as it stands', 'There is no such stack.', 'Diesen Stack gibt es nicht.'],
    ['with a value', 'Give a value for domain.', 'Einen Wert für domain angeben.'],
    ['with values in another order', 'The site town has no.', 'no hat der Standort town.'],
    [
      'by the template that says most',
      'wiki needs sso, but nobody provides it.',
      'wiki braucht sso, aber niemand bietet es an.',
    ],
    ['with a value that holds the words around it', 'wiki needs a, but b, but c.', 'wiki braucht a, aber b, but c.'],
    ['with an empty value', 'Give a value for .', 'Einen Wert für  angeben.'],
    [
      'that holds another one',
      'A value cannot be filled in: there is no fact "x".',
      'Ein Wert lässt sich nicht einsetzen: es gibt keine Angabe "x".',
    ],
    ['that holds foreign words', 'A value cannot be filled in: EPIPE.', 'Ein Wert lässt sich nicht einsetzen: EPIPE.'],
    ['about a field', 'name is taken', 'name ist vergeben'],
    ['about fields', 'name is taken; url is taken.', 'name ist vergeben; url ist vergeben.'],
    ['of a few letters', 'tcp/22 from 10.0.0.0/8, tcp/80 from here', 'tcp/22 von 10.0.0.0/8, tcp/80 von here'],
    ['with a full stop that its template lacks', 'name must have at least 2.', 'name muss mindestens 2 haben.'],
    [
      'that begins a list of others',
      'The file has: name is taken; url is taken.',
      'Die Datei hat: name ist vergeben; url ist vergeben.',
    ],
    ['in pieces', '2 CPUs, 512 MiB, installed', '2 CPUs, 512 MiB, installiert'],
    [
      'with its remedy behind it',
      'There is no such stack. Give a value for x.',
      'Diesen Stack gibt es nicht. Einen Wert für x angeben.',
    ],
  ])('%s', (_, english, translated) => {
    expect(german(english)).toBe(translated);
  });

  it('that is not known is left to be shown as it is', () => {
    expect(german('unable to open file')).toBeUndefined();
    expect(german('2 CPUs, 512 MiB')).toBeUndefined();
    expect(german('cannot read /etc/hosts from here')).toBeUndefined();
    expect(german('name is taken; something else.')).toBeUndefined();
    expect(german('')).toBeUndefined();
    expect(german('toString')).toBeUndefined();
  });
});

describe('values that somebody else chose', () => {
  it.each([
    '<script>alert(1)</script>',
    '{0} {1} {0…}',
    '$& $1 $$',
    '\u202eevil\u202c\u001b[31m',
    'is taken',
    'There is no such stack.',
    '__proto__',
  ])('%s comes out as it went in', (value) => {
    expect(german(`Give a value for ${value}.`)).toBe(`Einen Wert für ${value} angeben.`);
  });

  it('of any length and kind are looked at once', () => {
    expect(german(`${'needs , but '.repeat(300)}.`)).toBeDefined();
    expect(german('. '.repeat(1_900))).toBeUndefined();
    expect(german('x'.repeat(1_000_000))).toBeUndefined();
  });
});
