import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

/** The languages there are, each with its own name for itself. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', fr: 'Français' } as const;
export type LanguageCode = keyof typeof LANGUAGES;

const KEY = 'bastide.language';
const files = import.meta.glob<{ default: Record<string, unknown> }>('./*/*.json');
const known = (code: string | null | undefined): LanguageCode | undefined =>
  code && code in LANGUAGES ? (code as LanguageCode) : undefined;

/** Chosen on this device before, else the browser's first language that we speak, else English. */
function preferred(): LanguageCode {
  const asked = [localStorage.getItem(KEY), ...navigator.languages.map((tag) => tag.split('-')[0])];
  return asked.map(known).find((code) => code !== undefined) ?? 'en';
}

let begun: () => void = () => {};
const started = new Promise<void>((done) => {
  begun = done;
});

/** The texts of screens, in the language in use. Before the start it would load nothing, and say so to nobody: it waits. */
export async function loadTexts(screens: readonly string[]): Promise<void> {
  await started;
  await i18next.loadNamespaces(screens);
}

/** Reads the shell's texts; every other screen's come with the screen. */
export async function startI18n(): Promise<void> {
  i18next.on('languageChanged', (language) => {
    document.documentElement.lang = language;
  });
  await i18next
    .use({
      type: 'backend' as const,
      init: () => undefined,
      read: (
        language: string,
        screen: string,
        done: (error: Error | null, texts: Record<string, unknown> | null) => void,
      ) => {
        const load = files[`./${language}/${screen}.json`];
        if (!load) return done(new Error(`no texts for ${screen} in ${language}`), null);
        load().then(
          (file) => done(null, file.default),
          (error: unknown) => done(error as Error, null),
        );
      },
    })
    .use(initReactI18next)
    .init({
      lng: preferred(),
      fallbackLng: 'en',
      supportedLngs: Object.keys(LANGUAGES),
      ns: ['shell'],
      defaultNS: 'shell',
      load: 'languageOnly',
      interpolation: { escapeValue: false },
      react: { useSuspense: true },
    });
  begun();
}

/** Changes the language here and now, and for the next visit on this device. */
export async function chooseLanguage(code: LanguageCode): Promise<void> {
  localStorage.setItem(KEY, code);
  await i18next.changeLanguage(code);
}

/** The language in use, for dates and numbers. */
export const currentLanguage = (): LanguageCode => known(i18next.resolvedLanguage) ?? 'en';
