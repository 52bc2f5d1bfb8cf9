const LANGUAGE = /^[a-z]{2,3}$/;
const MAX_TEXT = 2_000;

/** Each must translate something that the document says in English: a typing error would show nowhere. */
export function translationFindings(
  translations: Record<string, unknown> | undefined,
  texts: () => ReadonlySet<string>,
): { path: string[]; code: string; message: string }[] {
  if (translations === undefined) return [];
  const known = texts();
  const found: { path: string[]; code: string; message: string }[] = [];
  const tell = (path: string[], message: string): void => {
    found.push({ path: ['translations', ...path], code: 'document.invalid', message });
  };
  for (const [language, words] of Object.entries(translations)) {
    if (!LANGUAGE.test(language) || language === 'en')
      tell([language], 'must be a language such as de or fr, not English');
    else if (typeof words !== 'object' || words === null || Array.isArray(words))
      tell([language], 'must be a mapping from English texts to texts');
    else
      for (const [text, word] of Object.entries(words)) {
        if (!known.has(text)) tell([language, text], 'the document has no such text in English');
        else if (typeof word !== 'string' || word.trim() === '' || word.length > MAX_TEXT)
          tell([language, text], `must be a text of at most ${MAX_TEXT} characters`);
      }
  }
  return found;
}
