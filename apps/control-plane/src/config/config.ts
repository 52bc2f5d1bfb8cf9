import 'reflect-metadata';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainToInstance, Transform } from 'class-transformer';
import { IsEmail, IsIn, IsInt, IsOptional, IsString, Matches, Max, Min, validateSync } from 'class-validator';

import { hostAndPort, TLS_KINDS, type TlsSettings, tlsSettings } from './tls-settings.js';

export const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const whole = Transform(({ value }) => (value === undefined ? undefined : Number(value)));

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|localhost|\[[0-9a-fA-F:]+\]):\d{1,5}$/;

/** Environment variables that are read; all optional. Checked once at start, all findings at once. */
class Environment {
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'DATABASE_URL must be postgresql://…' })
  DATABASE_URL?: string;
  @IsOptional()
  @Matches(/^(rediss?:\/\/|\/)/, { message: 'REDIS_URL must be redis://…, rediss://… or the path of a socket' })
  REDIS_URL?: string;
  @IsOptional() @IsString() BASTIDE_STATE_DIR?: string;
  @IsOptional()
  @Matches(ADDRESS, {
    message: 'BASTIDE_LISTEN must be an address with a port, such as 127.0.0.1:7080',
  })
  BASTIDE_LISTEN?: string;
  @IsOptional()
  @Matches(/^(https:\/\/[^/?#@\s]+|http:\/\/localhost(:\d{1,5})?)(\/[\w.~-]+)*\/?$/, {
    message: 'BASTIDE_PUBLIC_URL must be https://name, with a port and path where it has them',
  })
  BASTIDE_PUBLIC_URL?: string;
  @IsOptional() @IsString() BASTIDE_TLS_CERTIFICATE?: string;
  @IsOptional() @IsString() BASTIDE_TLS_KEY?: string;
  @IsOptional()
  @IsIn(TLS_KINDS, { message: `BASTIDE_TLS must be one of ${TLS_KINDS.join(', ')}` })
  BASTIDE_TLS?: string;
  @IsOptional() @IsString() BASTIDE_TLS_NAMES?: string;
  @IsOptional()
  @Matches(/^https:\/\/\S+$/, { message: 'BASTIDE_ACME_DIRECTORY must be the https address of an ACME directory' })
  BASTIDE_ACME_DIRECTORY?: string;
  @IsOptional() @IsEmail({}, { message: 'BASTIDE_ACME_EMAIL must be an e-mail address' }) BASTIDE_ACME_EMAIL?: string;
  @IsOptional() @IsString() BASTIDE_ACME_TERMS?: string;
  @IsOptional() @IsString() BASTIDE_ACME_CA?: string;
  @IsOptional()
  @Matches(ADDRESS, { message: 'BASTIDE_ACME_LISTEN must be an address with a port, such as 0.0.0.0:80' })
  BASTIDE_ACME_LISTEN?: string;
  @IsOptional() @IsString() BASTIDE_MASTER_KEY_FILE?: string;
  @IsOptional() @IsString() BASTIDE_LAB_SITE?: string;
  @IsOptional() @IsString() BASTIDE_MODULES?: string;
  @IsOptional() @IsString() BASTIDE_BLUEPRINTS?: string;
  @IsOptional() @IsIn(['debug', 'info', 'warn', 'error']) BASTIDE_LOG_LEVEL?: string;
  @IsOptional() @whole @IsInt() @Min(1) @Max(64) BASTIDE_CONCURRENCY?: number;
  @IsOptional() @whole @IsInt() @Min(500) @Max(600_000) BASTIDE_LEASE_MS?: number;
  @IsOptional() @whole @IsInt() @Min(100) @Max(600_000) BASTIDE_SWEEP_MS?: number;
  @IsOptional() @whole @IsInt() @Min(0) @Max(10_080) BASTIDE_CHECK_MINUTES?: number;
}

export interface Config {
  readonly role: Role;
  /** Absent: a private PostgreSQL below the state folder. */
  readonly databaseUrl?: string;
  /** Absent: a private Redis below the state folder. */
  readonly redisUrl?: string;
  readonly stateDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Where people reach the dashboard, without a slash at the end. Absent: as each request says. */
  readonly publicUrl?: string;
  /** Absent: the API speaks plain HTTP, on loopback alone. */
  readonly tls?: TlsSettings;
  readonly masterKeyFile: string;
  readonly apiTokenFile: string;
  /** JSON file with document and credentials of a site that the dashboard offers to connect with one click. */
  readonly labSite?: string;
  /** The built dashboard. */
  readonly dashboardDirectory: string;
  readonly moduleDirectories: readonly string[];
  readonly blueprintDirectories: readonly string[];
  readonly logLevel: string;
  /** Steps at a time in one worker. */
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly sweepMs: number;
  /** How often somebody looks whether the server certificate has to be renewed, or its files have changed. */
  readonly certificateMs: number;
  /** How often every stack is checked; 0: only when somebody asks. */
  readonly checkMs: number;
}

/** Findings of the environment; the program ends with code 2 and prints them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The repository's own folder: this file is <root>/dist/apps/control-plane/src/config/config.js or <root>/apps/…. */
const ROOT = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../../../' : '../../../../', import.meta.url),
);

const LOOPBACK = /^(127\.|localhost:|\[::1\]:)/;

export function loadConfig(env: NodeJS.ProcessEnv, role: string): Config {
  const known = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const read = plainToInstance(Environment, known);
  const findings = validateSync(read, { whitelist: false, forbidUnknownValues: false }).flatMap((error) =>
    Object.values(error.constraints ?? {}),
  );
  // A misspelt variable of ours would silently do nothing.
  const names = [
    'BASTIDE_STATE_DIR',
    'BASTIDE_LISTEN',
    'BASTIDE_PUBLIC_URL',
    'BASTIDE_TLS_CERTIFICATE',
    'BASTIDE_TLS_KEY',
    'BASTIDE_TLS',
    'BASTIDE_TLS_NAMES',
    'BASTIDE_ACME_DIRECTORY',
    'BASTIDE_ACME_EMAIL',
    'BASTIDE_ACME_TERMS',
    'BASTIDE_ACME_CA',
    'BASTIDE_ACME_LISTEN',
    'BASTIDE_MASTER_KEY_FILE',
    'BASTIDE_LAB_SITE',
    'BASTIDE_MODULES',
    'BASTIDE_BLUEPRINTS',
    'BASTIDE_LOG_LEVEL',
    'BASTIDE_CONCURRENCY',
    'BASTIDE_LEASE_MS',
    'BASTIDE_SWEEP_MS',
    'BASTIDE_CHECK_MINUTES',
    'BASTIDE_URL',
    'BASTIDE_TOKEN',
    'BASTIDE_TOKEN_FILE',
    'BASTIDE_CA',
  ];
  findings.push(
    ...Object.keys(known)
      .filter((name) => name.startsWith('BASTIDE_') && !names.includes(name))
      .map((name) => `${name} is not known`),
  );
  if (!(ROLES as readonly string[]).includes(role)) findings.push(`--role must be one of ${ROLES.join(', ')}`);
  if (role !== 'all' && (!read.DATABASE_URL || !read.REDIS_URL)) {
    findings.push(`--role ${role} shares its servers with other processes: DATABASE_URL and REDIS_URL are needed`);
  }
  const tls = tlsSettings(read, findings);
  if (tls === undefined && !read.BASTIDE_TLS && read.BASTIDE_LISTEN && !LOOPBACK.test(read.BASTIDE_LISTEN)) {
    findings.push(
      `BASTIDE_LISTEN ${read.BASTIDE_LISTEN} is not a loopback address: passwords would travel readable. Set BASTIDE_TLS=own (an authority of its own), BASTIDE_TLS=acme, or BASTIDE_TLS_CERTIFICATE and BASTIDE_TLS_KEY; or put a reverse proxy with TLS on this machine`,
    );
  }
  if (findings.length > 0) throw new ConfigError(findings.join('\n'));
  const stateDir = resolve(read.BASTIDE_STATE_DIR ?? '.bastide');
  return {
    role: role as Role,
    ...(read.DATABASE_URL ? { databaseUrl: read.DATABASE_URL } : {}),
    ...(read.REDIS_URL ? { redisUrl: read.REDIS_URL } : {}),
    stateDir,
    listen: hostAndPort(read.BASTIDE_LISTEN ?? '127.0.0.1:7080'),
    ...(read.BASTIDE_PUBLIC_URL ? { publicUrl: read.BASTIDE_PUBLIC_URL.replace(/\/+$/, '') } : {}),
    ...(tls ? { tls } : {}),
    masterKeyFile: resolve(read.BASTIDE_MASTER_KEY_FILE ?? `${stateDir}/master-key`),
    apiTokenFile: `${stateDir}/api-token`,
    ...(read.BASTIDE_LAB_SITE ? { labSite: resolve(read.BASTIDE_LAB_SITE) } : {}),
    dashboardDirectory: `${ROOT}dist/dashboard`,
    moduleDirectories: (read.BASTIDE_MODULES ?? `${ROOT}modules`).split(':'),
    blueprintDirectories: (read.BASTIDE_BLUEPRINTS ?? `${ROOT}blueprints`).split(':'),
    logLevel: read.BASTIDE_LOG_LEVEL ?? 'info',
    concurrency: read.BASTIDE_CONCURRENCY ?? 8,
    leaseMs: read.BASTIDE_LEASE_MS ?? 30_000,
    sweepMs: read.BASTIDE_SWEEP_MS ?? 15_000,
    certificateMs: 30_000,
    checkMs: (read.BASTIDE_CHECK_MINUTES ?? 15) * 60_000,
  };
}
