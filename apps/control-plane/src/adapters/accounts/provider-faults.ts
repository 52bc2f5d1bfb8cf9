import * as oidc from 'openid-client';
import type { ProviderAccess, ProviderFinding } from '../../application/accounts/identity-provider.port.js';
import { Refusal } from '../../domain/problem.js';

/** What went wrong, told for an admin: never what a provider or a stranger's server wrote, which could be anything. */
interface Fault {
  /** Not reached, or busy: later it may work. */
  readonly away: boolean;
  readonly message: string;
  readonly remedy: string;
}

const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
  'ABORT_ERR',
]);
const UNNAMED = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA']);
const CERTIFICATE = /^(CERT_|ERR_TLS_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/;

/** All codes of an error and of what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  let at = error;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 6; depth += 1) {
    const { code, name, errors, cause } = at as { code?: unknown; name?: unknown; errors?: unknown; cause?: unknown };
    if (typeof code === 'string') codes.push(code);
    if (name === 'TimeoutError' || name === 'AbortError') codes.push('ABORT_ERR');
    for (const inner of Array.isArray(errors) ? errors : []) codes.push(...codesOf(inner));
    at = cause;
  }
  return codes;
}

function faultOf(error: unknown): Fault {
  const codes = codesOf(error);
  const has = (set: ReadonlySet<string>): string | undefined => codes.find((code) => set.has(code));
  if (codes.includes('ADDRESS_FORBIDDEN')) {
    return {
      away: false,
      message: 'The provider, or an address that it names, is one that the control plane does not ask.',
      remedy: 'Use https and an address of the network; http and loopback only for a provider on this machine.',
    };
  }
  const certificate = codes.find((code) => CERTIFICATE.test(code));
  if (certificate) {
    return {
      away: false,
      message: `The provider’s certificate is not trusted (${certificate}).`,
      remedy: 'Give the certificate of the authority that issued it, in PEM.',
    };
  }
  if (has(UNNAMED)) {
    return {
      away: true,
      message: 'The provider’s name is not known here.',
      remedy: 'Check its spelling, and that this machine asks a name server that knows it.',
    };
  }
  const away = has(AWAY);
  if (away) {
    return {
      away: true,
      message: `The provider cannot be reached (${away}).`,
      remedy: 'Sign in with name and password meanwhile; check that it runs and that this machine may reach it.',
    };
  }
  if (error instanceof oidc.AuthorizationResponseError) {
    return {
      away: false,
      message: `The provider refused (${known(error.error)}).`,
      remedy: 'Begin again and agree there, or ask whoever runs the provider.',
    };
  }
  if (error instanceof oidc.ResponseBodyError) {
    return {
      away: error.status >= 500,
      message: `The provider refused this client or its code (${known(error.error)}).`,
      remedy: 'Begin again; if it stays, let an admin test the provider under Settings, Log-in.',
    };
  }
  const said = codes.find((code) => code.startsWith('OAUTH_'));
  return {
    away: false,
    message: `What the provider answered does not fit${said ? ` (${said})` : ''}.`,
    remedy:
      'Check that the issuer is written exactly as the provider writes it (…/.well-known/openid-configuration says so under "issuer"), and that both clocks are right.',
  };
}

/** Error codes of OAuth are short words; anything else is not repeated. */
const known = (code: string): string => (/^[a-z_]{3,40}$/.test(code) ? code : 'for a reason of its own');

export function providerProblem(error: unknown, { issuer }: ProviderAccess): Refusal {
  const { away, message, remedy } = faultOf(error);
  return new Refusal({
    code: away ? 'auth.provider_away' : 'auth.provider_wrong',
    subject: new URL(issuer).host,
    message,
    remedy,
  });
}

export function describeFault(error: unknown): ProviderFinding {
  const { message, remedy } = faultOf(error);
  return { level: 'error', message, remedy };
}
