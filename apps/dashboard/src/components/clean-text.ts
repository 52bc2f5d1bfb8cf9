// Text from outside (names, log lines, answers of hooks) made harmless to look at: no terminal escapes, no control characters.
const ESCAPES = new RegExp(
  [
    String.raw`\u001b\[[0-?]*[ -/]*[@-~]`,
    String.raw`\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?`,
    String.raw`\u001b[PX^_][^\u001b]*(?:\u001b\\)?`,
    String.raw`\u001b[@-Z\\-_]`,
  ].join('|'),
  'g',
);
const CONTROLS = /(?![\t\n])\p{Cc}/gu;
// Marks that turn the reading direction: shown as what they are, or a name could pose as another one.
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One text, readable and truthful: escapes gone, control characters gone, marks of direction visible as ⟨U+202E⟩. */
export const cleanText = (text: string): string =>
  text
    .replace(ESCAPES, '')
    .replace(CONTROLS, '')
    .replace(BIDI, (mark) => `⟨U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
