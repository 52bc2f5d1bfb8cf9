import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Problem } from '../api/problem.js';
import { currentLanguage, type LanguageCode } from '../i18n/i18n.js';
import { type Sentences, translator } from '../i18n/sentences.js';
import { ForeignText } from './foreign-text.js';

const files = import.meta.glob<{ default: Sentences }>('../i18n/sentences/*.json');
const translators = new Map<LanguageCode, (text: string) => string | undefined>();

async function load(language: LanguageCode): Promise<void> {
  const file = await files[`../i18n/sentences/${language}.json`]?.();
  if (file) translators.set(language, translator(file.default));
}

interface Spoken {
  readonly text: string;
  /** `en`: it is still English on a page of another language. */
  readonly lang: 'en' | undefined;
}

/**
 * Sentences of the control plane in the reader's language. Until they are there, and for what is nobody's sentence (words
 * of Proxmox VE, of guests), the text as it came.
 */
export function useSaid(): (text: string) => Spoken {
  useTranslation('shell');
  const language = currentLanguage();
  const [, drawAnew] = useState(0);
  useEffect(() => {
    if (language === 'en' || translators.has(language)) return undefined;
    let here = true;
    load(language).then(
      () => here && drawAnew((count) => count + 1),
      () => undefined,
    );
    return () => {
      here = false;
    };
  }, [language]);
  if (language === 'en') return (text) => ({ text, lang: undefined });
  return (text) => {
    const translated = translators.get(language)?.(text);
    return translated === undefined ? { text, lang: 'en' } : { text: translated, lang: undefined };
  };
}

/** What the control plane says, as text and nothing else. */
export function Said({ children, limit }: { children: string; limit?: number }) {
  const { text, lang } = useSaid()(children);
  return (
    <span lang={lang}>
      <ForeignText {...(limit === undefined ? {} : { limit })}>{text}</ForeignText>
    </span>
  );
}

/** The server's findings by field, for a form. */
export const saidOfFields = (problem: Problem | undefined): Record<string, ReactNode> =>
  Object.fromEntries(
    Object.entries(problem?.fields ?? {}).map(([field, text]) => [field, <Said key={field}>{text}</Said>]),
  );
