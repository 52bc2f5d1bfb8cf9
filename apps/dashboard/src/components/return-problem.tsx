import { Alert } from '@mantine/core';
import { useTranslation } from 'react-i18next';

const KNOWN = [
  'auth.no_role',
  'auth.no_groups',
  'auth.disabled',
  'auth.expired',
  'auth.provider_away',
  'auth.provider_wrong',
  'conflict',
];

/** Why the way back from an identity provider ended here: the address carries a code, and the words are ours. */
export function ReturnProblem({ code }: { code: string | null }) {
  const { t } = useTranslation('passkeys');
  if (code === null) return null;
  const key = KNOWN.includes(code) ? code.replace('.', '_') : 'other';
  return (
    <Alert color={code === 'auth.provider_away' ? 'orange' : 'red'} role="alert">
      {t(`return.${key}`)}
    </Alert>
  );
}
