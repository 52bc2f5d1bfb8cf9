/** The operator's log of the engine: constant messages, facts as fields, never a secret. A pino logger fits. */
export interface EngineLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const SILENT_LOG: EngineLog = { info: () => {}, warn: () => {}, error: () => {} };
