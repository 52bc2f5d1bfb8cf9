import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';
import i18next from 'i18next';
import { Problem } from './problem.js';
import type { Dto } from './types.js';

/** Whether this browser knows passkeys at all. */
export const knowsPasskeys = (): boolean => typeof window.PublicKeyCredential === 'function';

async function ceremony(
  question: Dto<'PasskeyQuestionDto'>,
  run: (library: typeof import('@simplewebauthn/browser')) => Promise<object>,
): Promise<Record<string, unknown>> {
  const [library] = await Promise.all([import('@simplewebauthn/browser'), i18next.loadNamespaces('passkeys')]);
  const refused = (code: string, message: string, remedy?: string): Problem =>
    new Problem({ status: 0, code, message, ...(remedy ? { remedy } : {}) });
  if (question.origin !== location.origin) {
    const remedy = i18next.t('passkeys:otherAddressRemedy', { address: question.origin });
    throw refused('passkey.other_address', i18next.t('passkeys:otherAddress'), remedy);
  }
  if (!knowsPasskeys()) throw refused('passkey.unknown', i18next.t('passkeys:unsupported'));
  try {
    return { ...(await run(library)) };
  } catch (error) {
    const { name, message } = error as Error;
    if (name === 'InvalidStateError') throw refused('passkey.known', i18next.t('passkeys:known'));
    if (name === 'NotAllowedError' || name === 'AbortError')
      throw refused('passkey.cancelled', i18next.t('passkeys:cancelled'), i18next.t('passkeys:cancelledRemedy'));
    throw refused('passkey.failed', message);
  }
}

/** Lets the person make a passkey on a device of theirs; a Problem says why not. */
export const makePasskey = (question: Dto<'PasskeyQuestionDto'>): Promise<Record<string, unknown>> =>
  ceremony(question, ({ startRegistration }) =>
    startRegistration({ optionsJSON: question.options as unknown as PublicKeyCredentialCreationOptionsJSON }),
  );

/** Lets the person answer with a passkey; a Problem says why not. */
export const answerPasskey = (question: Dto<'PasskeyQuestionDto'>): Promise<Record<string, unknown>> =>
  ceremony(question, ({ startAuthentication }) =>
    startAuthentication({ optionsJSON: question.options as unknown as PublicKeyCredentialRequestOptionsJSON }),
  );
