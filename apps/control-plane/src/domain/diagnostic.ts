/** Findings in documents and plans: all at once, each with its place. */
export interface Place {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info';
  /** Stable, dotted: `document.unknown_field`, `binding.unsatisfied`, `capacity.insufficient`. */
  readonly code: string;
  /** `spec.guests.app.memory`, `wiki.directory`. */
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string;
  readonly place?: Place;
  readonly details?: { readonly [key: string]: unknown };
}

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some((d) => d.severity === 'error');
