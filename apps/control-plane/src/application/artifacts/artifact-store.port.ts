/** Files by digest. Sources are tried in order: store, mirror, URL. A digest mismatch is refused and nothing half-written stays. */
export interface ArtifactStore {
  has(sha256: string): Promise<boolean>;
  /** Local path of a stored file. */
  path(sha256: string): Promise<string>;
  /** Throws `artifact.digest_mismatch` (Refusal) or `artifact.unreachable` (WorldFailure). */
  fetch(
    source: { url: string; sha256: string },
    options: { signal: AbortSignal; progress?: (percent: number) => void },
  ): Promise<{ sizeBytes: number }>;
  /** From its bytes as they come; the digest is computed, and compared when given. */
  importFile(
    from: AsyncIterable<Buffer>,
    name: string,
    expected?: string,
  ): Promise<{ sha256: string; sizeBytes: number }>;
  list(): Promise<readonly { sha256: string; sizeBytes: number; name?: string }[]>;
}
