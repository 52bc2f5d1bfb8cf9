import type { Provider } from '@nestjs/common';
import { Ed25519ExportSigner } from '../adapters/audit/ed25519-export-signer.js';
import type { AuditLog } from '../application/audit/audit-log.port.js';
import { ExportAudit, type ExportSigner } from '../application/audit/export-audit.js';
import type { Clock } from '../application/clock.port.js';
import type { SecretStore } from '../application/secrets/secret-store.port.js';
import * as http from '../http/tokens.js';
import { CLOCK, from, SECRETS } from './tokens.js';

/** The audit, to take away. */
export const audit: Provider[] = [
  from(http.EXPORT_SIGNER, [SECRETS], (secrets: SecretStore) => new Ed25519ExportSigner(secrets)),
  from(
    http.EXPORT_AUDIT,
    [http.AUDIT_LOG, http.EXPORT_SIGNER, CLOCK],
    (log: AuditLog, signer: ExportSigner, clock: Clock) => new ExportAudit(log, signer, clock),
  ),
];
