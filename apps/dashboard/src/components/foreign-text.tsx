import { UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cleanText } from './clean-text.js';

/**
 * A name or text that somebody else wrote, set apart from the direction of what surrounds it. Longer than `limit`
 * characters it is clipped, with a button that shows the rest.
 */
export function ForeignText({ children, limit = 2_000 }: { children: string; limit?: number }) {
  const { t } = useTranslation('shell');
  const [all, setAll] = useState(false);
  const text = cleanText(all ? children : children.slice(0, limit));
  if (all || children.length <= limit) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {text}…{' '}
      <UnstyledButton component="button" c="bastide" fz="inherit" td="underline" onClick={() => setAll(true)}>
        {t('showAll')} ({children.length})
      </UnstyledButton>
    </bdi>
  );
}
