import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { REDACTED, Redactor } from './redactor.js';

const SECRET = 'p4ß"w\'ord/+ & x';
const PEM = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string;

describe('Redactor', () => {
  it.each([
    ['as it is', SECRET],
    ['in JSON', JSON.stringify({ password: SECRET })],
    ['in ASCII-only JSON', JSON.stringify(SECRET).replace('ß', '\\u00df')],
    ['in a URL', `https://u:${encodeURIComponent(SECRET)}@host/`],
    ['in a form', new URLSearchParams({ p: SECRET }).toString()],
    ['in single quotes of a shell', `'${SECRET.replaceAll("'", `'\\''`)}'`],
    ['as base64', Buffer.from(SECRET).toString('base64')],
    ['as base64 of echo', Buffer.from(`${SECRET}\n`).toString('base64')],
    ['as base64url', Buffer.from(SECRET).toString('base64url')],
    ['as hex', Buffer.from(SECRET).toString('hex')],
  ])('hides a secret %s', (_form, text) => {
    const clean = new Redactor([SECRET]).line(`before ${text} after`);
    expect(clean).toContain(REDACTED);
    expect(clean.startsWith('before ')).toBe(true);
    expect(clean.endsWith(' after')).toBe(true);
    expect(clean).not.toMatch(/w.{1,4}ord|b3Jk|6f7264/);
  });

  it.each(['a', 'ab', 'abc'])('hides it in Basic authentication behind the user name %s', (user) => {
    const header = Buffer.from(`${user}:${SECRET}`).toString('base64');
    const clean = new Redactor([SECRET]).line(`Authorization: Basic ${header}`);
    const left = Buffer.from(clean.replace(/^.*Basic /, '').replace(REDACTED, ''), 'base64').toString();
    expect(left.length).toBeLessThanOrEqual(user.length + 3);
  });

  it('hides a key of several lines line by line, also indented and with other line ends', () => {
    const redactor = new Redactor([PEM]);
    for (const form of [PEM, PEM.replaceAll('\n', '\r\n'), PEM.replaceAll(/^/gm, '    ')]) {
      const body = redactor
        .text(form)
        .split('\n')
        .filter((line) => !line.includes('-----') && line.trim());
      expect(body.map((line) => line.trim())).toEqual(body.map(() => REDACTED));
    }
  });

  it.each([16, 40, 64, 76])('hides base64 of a key that was wrapped at %i columns', (width) => {
    const wrapped =
      Buffer.from(PEM)
        .toString('base64')
        .match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
    const clean = new Redactor([PEM]).text(wrapped.join('\n')).split('\n');
    expect(clean.slice(0, -1)).toEqual(wrapped.slice(0, -1).map(() => REDACTED));
  });

  it('leaves ordinary text and very short values alone', () => {
    const redactor = new Redactor(['', 'a', 'no', SECRET]);
    expect(redactor.line('no a priori reason to worry')).toBe('no a priori reason to worry');
  });

  it('hides a secret that contains another one as a whole', () => {
    expect(new Redactor(['hunter22', 'hunter22-and-more']).line('is hunter22-and-more.')).toBe(`is ${REDACTED}.`);
  });

  it('never lets any secret through, whatever surrounds it', () => {
    const secret = fc.string({ minLength: 8, maxLength: 80, unit: 'grapheme' }).filter((s) => s.trim().length >= 8);
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
        const single = value.replaceAll(/[\r\n]/g, ' ');
        expect(new Redactor([single]).line(before + single + after)).not.toContain(single);
      }),
    );
  });
});
