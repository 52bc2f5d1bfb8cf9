import type { TFunction } from 'i18next';

/** What a step does, in the reader's language: `t` of the texts `steps`. Kinds without a text keep the server's words. */
export function stepLabel(
  t: TFunction<'steps'>,
  { step, subject, label }: { step: object; subject: string; label: string },
): string {
  const { kind, hook } = step as { kind?: string; hook?: string };
  const key = kind === 'hook.run' ? `hook_${hook}` : String(kind).replace('.', '_');
  return t(key, { subject, defaultValue: label });
}
