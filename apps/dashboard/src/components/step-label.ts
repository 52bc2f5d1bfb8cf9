import type { TFunction } from 'i18next';

/** What a step does, in the reader's language: `t` of the texts `steps`. Kinds without a text keep the server's words. */
export function stepLabel(
  t: TFunction<'steps'>,
  { kind, subject, label }: { kind: string; subject: string; label: string },
): string {
  return t(kind.replace('.', '_'), { subject, defaultValue: label });
}

/** As the runs of the API write it: a hook by its own name, `hook.install`. */
export function kindOf(step: object): string {
  const { kind, hook } = step as { kind?: string; hook?: string };
  return kind === 'hook.run' ? `hook.${hook}` : String(kind);
}
