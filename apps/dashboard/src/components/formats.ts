import { currentLanguage } from '../i18n/i18n.js';

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
/** French counts octets. */
const OCTETS = ['o', 'Kio', 'Mio', 'Gio', 'Tio', 'Pio'];

/** The reader's own region where it speaks the chosen language: dates in British order for a Briton. */
export const locale = (): string =>
  navigator.languages.find((tag) => tag.split('-')[0] === currentLanguage()) ?? currentLanguage();

/** Bytes with a binary unit and at most one decimal, by locale: 1536 → 1.5 KiB. */
export function formatBytes(bytes: number): string {
  const units = currentLanguage() === 'fr' ? OCTETS : BYTES;
  let value = bytes;
  let unit = 0;
  // What would be told as 1,024 of a unit is one of the next.
  while (Math.round(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${formatNumber(value, value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** A number by locale with at most so many decimals. */
export const formatNumber = (value: number, decimals = 0): string =>
  new Intl.NumberFormat(locale(), { maximumFractionDigits: decimals }).format(value);

/** A duration by its two largest units: 3_725_000 → 1 h 2 min. Below one second: 0 s. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'day'],
    [Math.floor(seconds / 3_600) % 24, 'hour'],
    [Math.floor(seconds / 60) % 60, 'minute'],
    [seconds % 60, 'second'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const told =
    first < 0 ? parts.slice(3) : parts.slice(first, first + 2).filter(([count], at) => at === 0 || count > 0);
  return told.map(([count, unit]) => unitFormat(unit).format(count)).join(' ');
}

/** Made once each: making one takes longer than a thousand uses. */
const unitFormats = new Map<string, Intl.NumberFormat>();
function unitFormat(unit: string): Intl.NumberFormat {
  const language = locale();
  const key = `${language} ${unit}`;
  const known = unitFormats.get(key);
  if (known) return known;
  const made = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' });
  unitFormats.set(key, made);
  return made;
}

/** Date and time by locale, to the minute. */
export const formatTime = (at: number): string =>
  new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short' }).format(at);

/** A share, 0…1, as percent. */
export const formatPercent = (share: number): string =>
  new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 0 }).format(share);

/** How long ago or ahead, in words: "3 minutes ago". */
export function formatAgo(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ];
  for (const [unit, size] of steps)
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  return format.format(seconds, 'second');
}
