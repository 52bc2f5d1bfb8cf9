import { useEffect, useLayoutEffect, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';

/** Who hears the page is told that something is on its way when it takes longer than this: less is a moment. */
const LONG_MS = 400;

let parts = 0;
const readers = new Set<() => void>();
const count = (by: number): void => {
  parts += by;
  for (const reader of readers) reader();
};
const subscribe = (reader: () => void): (() => void) => {
  readers.add(reader);
  return () => readers.delete(reader);
};

/** While this is shown, something is on its way. */
export function useOnItsWay(): void {
  // In the same breath as what replaces it, so that one part after another is one wait.
  useLayoutEffect(() => {
    count(1);
    return () => count(-1);
  }, []);
}

/** The one place that says so, once, however many parts of the page are waited for. */
export function OnItsWay() {
  const { t } = useTranslation('shell', { useSuspense: false });
  const waiting = useSyncExternalStore(subscribe, () => parts > 0);
  const [long, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(waiting), waiting ? LONG_MS : 0);
    return () => clearTimeout(timer);
  }, [waiting]);
  return (
    <span className="visually-hidden" role="status">
      {waiting && long ? t('loading') : ''}
    </span>
  );
}
