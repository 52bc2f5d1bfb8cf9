/**
 * The control plane speaks English: scripts, the run log and the command line rely on its words. Here its sentences get
 * another language, by templates: `Give a value for {0}.` A hole takes anything and keeps it as it is; a hole `{0…}` is
 * filled with more words of the control plane's, which are looked up in their turn.
 */
export type Sentences = Readonly<Record<string, string>>;

interface Template {
  /** The text around the holes, in order: one more than there are holes. */
  readonly literals: readonly string[];
  readonly holes: readonly { readonly number: string; readonly said: boolean }[];
  readonly translation: string;
  readonly brief: boolean;
}

const HOLE = /\{(\d+)(…?)\}/g;
/** The longest text that is looked at: sentences are short, and what is longer is somebody's output. */
const LONGEST = 4_000;
/** A template with fewer letters of its own says too little to be known by them: its holes take single words alone. */
const FEW_LETTERS = 8;
const SINGLE_WORDS = /^\S*(, \S+)*$/;
const weight = ({ literals }: Template): number => literals.reduce((sum, literal) => sum + literal.length, 0);

function templateOf([key, translation]: [string, string]): Template {
  const holes = [...key.matchAll(HOLE)].map(([, number = '', said]) => ({ number, said: said !== '' }));
  const [first = '', ...rest] = key.split(/\{\d+…?\}/);
  const literals = [first, ...rest];
  return { literals, holes, translation, brief: literals.join('').replace(/[^a-z]/gi, '').length < FEW_LETTERS };
}

/** What fills the holes, or nothing where the text is another sentence. Each literal is sought once: time grows with the text alone. */
function filled({ literals, brief }: Template, text: string): string[] | undefined {
  const last = literals.length - 1;
  const end = text.length - (literals[last] ?? '').length;
  // A full stop belongs to the sentence and not to its last value.
  if (literals[last] === '' && text.endsWith('.')) return undefined;
  let from = (literals[0] ?? '').length;
  if (from > end || !text.startsWith(literals[0] ?? '') || !text.endsWith(literals[last] ?? '')) return undefined;
  const values: string[] = [];
  for (let index = 1; index < last; index += 1) {
    const literal = literals[index] ?? '';
    const at = text.indexOf(literal, from);
    if (at < 0 || at + literal.length > end) return undefined;
    values.push(text.slice(from, at));
    from = at + literal.length;
  }
  values.push(text.slice(from, end));
  return brief && !values.every((value) => SINGLE_WORDS.test(value)) ? undefined : values;
}

/** Gives a sentence of the control plane in the language of `sentences`, or nothing when it is not among them. */
export function translator(sentences: Sentences): (text: string) => string | undefined {
  const templates = Object.entries(sentences)
    .map(templateOf)
    .filter(({ holes }) => holes.length > 0)
    .sort((one, other) => weight(other) - weight(one));
  const begun = templates.filter(({ literals }) => literals[0] !== '');
  const open = templates.filter(({ literals }) => literals[0] === '');

  const exact = (text: string): string | undefined => (Object.hasOwn(sentences, text) ? sentences[text] : undefined);
  const byTemplate = (among: readonly Template[], text: string): string | undefined => {
    for (const template of among) {
      const values = filled(template, text);
      if (!values) continue;
      const said = new Map(
        template.holes.map(({ number, said }, index) => {
          const value = values[index] ?? '';
          return [number, said ? (say(value) ?? value) : value];
        }),
      );
      return template.translation.replace(HOLE, (hole, number: string) => said.get(number) ?? hole);
    }
    return undefined;
  };
  const whole = (text: string): string | undefined => exact(text) ?? byTemplate(templates, text);
  /** Several at once, each of them known; parts without a word (`4 GiB`, `→`) are the same in every language. */
  const list = (text: string, separator: string): string | undefined => {
    const parts = text.split(separator);
    if (parts.length < 2) return undefined;
    const said = parts.map((part) => say(part) ?? (/[a-z]{2}/.test(part) ? undefined : part));
    return said.some((part) => part === undefined) || said.join(separator) === text ? undefined : said.join(separator);
  };
  /** `name is taken`: the field stays, it is a name. */
  const ofField = (text: string): string | undefined => {
    const space = text.indexOf(' ');
    const rest = space < 1 ? undefined : whole(text.slice(space + 1));
    return rest === undefined ? undefined : `${text.slice(0, space)} ${rest}`;
  };
  // A template that begins with a hole takes anything before its words: a list of sentences too, were it asked first.
  const say = (text: string): string | undefined =>
    exact(text) ??
    byTemplate(begun, text) ??
    list(text, '; ') ??
    list(text, ', ') ??
    byTemplate(open, text) ??
    ofField(text);
  /** Some are said with a full stop behind them. */
  const withoutStop = (text: string): string | undefined => {
    const said = text.endsWith('.') ? say(text.slice(0, -1)) : undefined;
    return said === undefined ? undefined : `${said}.`;
  };
  /** What is wrong and what helps, in one text. */
  const two = (text: string): string | undefined => {
    const ends = [...text.matchAll(/[.?] /g)].slice(0, 5).map(({ index }) => index + 1);
    for (const end of ends) {
      const [head, tail] = [whole(text.slice(0, end)), whole(text.slice(end + 1))];
      if (head !== undefined && tail !== undefined) return `${head} ${tail}`;
    }
    return undefined;
  };

  return (text) => (text.length > LONGEST ? undefined : (say(text) ?? withoutStop(text) ?? two(text)));
}
