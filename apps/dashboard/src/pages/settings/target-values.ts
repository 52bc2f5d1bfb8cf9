import type { Dto } from '../../api/types.js';

type Target = Dto<'NotificationTargetDto'>;
type Mail = NonNullable<Target['mail']>;

export interface FormValues {
  name: string;
  kind: Target['kind'];
  language: Target['language'];
  severity: Target['severity'];
  sites: string[];
  kinds: Target['kinds'];
  mail: {
    host: string;
    port: string;
    security: Mail['security'];
    user: string;
    password: string;
    sender: string;
    /** One a line. */
    recipients: string;
    ca: string;
  };
  webhook: { url: string; privateAddresses: boolean; signingKey: string; ca: string };
}

export const USUAL_PORTS: Readonly<Record<string, string>> = { starttls: '587', tls: '465', none: '25' };

export function initialValues(before: Target | undefined, language: Target['language']): FormValues {
  const { mail, webhook } = before ?? {};
  return {
    name: before?.name ?? '',
    kind: before?.kind ?? 'mail',
    language: before?.language ?? language,
    severity: before?.severity ?? 'warning',
    sites: [...(before?.sites ?? [])],
    kinds: [...(before?.kinds ?? [])],
    mail: {
      host: mail?.host ?? '',
      port: String(mail?.port ?? '587'),
      security: mail?.security ?? 'starttls',
      user: mail?.user ?? '',
      password: '',
      sender: mail?.sender ?? '',
      recipients: (mail?.recipients ?? []).join('\n'),
      ca: mail?.ca ?? '',
    },
    webhook: {
      url: webhook?.url ?? '',
      privateAddresses: webhook?.privateAddresses ?? false,
      signingKey: '',
      ca: webhook?.ca ?? '',
    },
  };
}

/** A secret that was not typed stays as it is; so does none, unless the user it belonged to is gone. */
export function toRequest({ mail, webhook, ...values }: FormValues, changing: boolean): Dto<'TargetRequestDto'> {
  const ca = (text: string) => (text.trim() === '' ? {} : { ca: text.trim() });
  if (values.kind === 'mail') {
    const user = mail.user.trim();
    const password = mail.password === '' && changing && user !== '' ? {} : { password: mail.password };
    return {
      ...values,
      mail: {
        host: mail.host.trim(),
        port: Number(mail.port),
        security: mail.security,
        ...(user === '' ? {} : { user }),
        ...password,
        sender: mail.sender.trim(),
        recipients: mail.recipients.split(/[\s,;]+/).filter((one) => one !== ''),
        ...ca(mail.ca),
      },
    };
  }
  const { url, privateAddresses, signingKey } = webhook;
  return {
    ...values,
    webhook: { url: url.trim(), privateAddresses, ...(signingKey === '' ? {} : { signingKey }), ...ca(webhook.ca) },
  };
}
