/** Shorter values would shred ordinary text and protect nothing. */
const SHORTEST = 4;
const LONG_TOKEN = /[A-Za-z0-9+/_=-]{16,}/g;
export const REDACTED = '«redacted»';

/**
 * Takes known secrets out of lines. A secret is found as it is, JSON-, URL-, base64- and hex-encoded, quoted for a
 * shell, with base64 at any alignment and wrapped at any width; a secret of several lines (a PEM key) line by line.
 * Works on complete lines: who calls it puts chunks together first, so that no boundary cuts a secret in two.
 */
export class Redactor {
  /** Longest first: a secret that contains another one must go as a whole. */
  readonly #needles: readonly string[];
  /** Single lines of long secrets that are too short to be searched inside other text. */
  readonly #wholeLines = new Set<string>();
  /** Haystacks for long tokens: whatever is a part of one of these is a part of a secret. */
  readonly #forms: readonly string[];

  constructor(secrets: readonly string[]) {
    const needles = new Set<string>();
    const forms = new Set<string>();
    for (const secret of new Set(secrets)) {
      const value = Buffer.from(secret).toString().trim(); // lone surrogates cannot be sent, and cannot be URL-encoded
      if (value.length < SHORTEST) continue;
      for (const part of new Set([secret, value, `${value}\n`])) {
        for (const form of encodings(part)) {
          if (form.length >= SHORTEST && !form.includes('\n')) needles.add(form);
          forms.add(form);
        }
      }
      const lines = value.split(/\r?\n/).map((line) => line.trim());
      if (lines.length === 1) continue;
      forms.add(lines.join('')); // wrapped anew at another width
      for (const line of lines) {
        if (/^-----(BEGIN|END) [A-Z0-9 ]+-----$/.test(line)) continue;
        if (line.length >= 8) needles.add(line);
        else if (line.length >= SHORTEST - 1) this.#wholeLines.add(line);
      }
    }
    this.#needles = [...needles].sort((a, b) => b.length - a.length);
    this.#forms = [...forms];
  }

  /** A reader that cuts long lines must look this far beyond the cut before it redacts. */
  get longestNeedle(): number {
    return this.#needles[0]?.length ?? 0;
  }

  line(text: string): string {
    if (this.#forms.length === 0) return text;
    if (this.#wholeLines.has(text.trim())) return REDACTED;
    let clean = text;
    for (const needle of this.#needles) clean = clean.replaceAll(needle, REDACTED);
    return clean.replace(LONG_TOKEN, (token) => (this.#forms.some((form) => form.includes(token)) ? REDACTED : token));
  }

  /** For messages of failures: any text, line by line. */
  text(text: string): string {
    return text
      .split('\n')
      .map((line) => this.line(line))
      .join('\n');
  }
}

function encodings(value: string): string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  return [
    value,
    json,
    json.replaceAll('/', '\\/'),
    asciiJson(json),
    encodeURIComponent(value),
    new URLSearchParams({ v: value }).toString().slice(2),
    new URLSearchParams({ v: value }).toString().slice(2).replaceAll('+', '%20'),
    value.replaceAll("'", `'\\''`),
    value.replaceAll(/[^\w@%+=:,./-]/g, '\\$&'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...[0, 1, 2].flatMap((shift) => base64Inside(bytes, shift)),
  ];
}

/** As `json.dumps` and `jq -a` write it. */
function asciiJson(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * What base64 makes of the bytes when `shift` other bytes stand before them: only the characters that depend on no
 * neighbour. `user:password` as Basic authentication is the everyday case.
 */
function base64Inside(bytes: Buffer, shift: number): string[] {
  const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
  const whole = padded.toString('base64');
  const from = shift === 0 ? 0 : shift + 1;
  const inside = whole.slice(from, Math.floor((padded.length * 4) / 3));
  const forms = shift === 0 ? [inside, whole] : [inside];
  // Fewer than six characters say nothing that would be worth hiding and occur by chance.
  return forms
    .filter((form) => form.length >= 6)
    .flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')]);
}
