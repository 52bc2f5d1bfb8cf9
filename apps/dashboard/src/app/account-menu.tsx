import { ActionIcon, useMantineColorScheme } from '@mantine/core';
import { IconLogout, IconSunMoon } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { signOut } from '../api/session.js';
import type { Dto } from '../api/types.js';
import { ForeignText } from '../components/foreign-text.js';
import classes from './account-menu.module.css';
import { paths } from './paths.js';

/** Who is signed in, on the way to the own account; light or dark; out. Plain buttons: a menu would load the code that places menus. */
export function AccountMenu({ account }: { account: Dto<'AccountDto'> }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: (elsewhere) => void navigate(paths.login(), { state: { elsewhere } }),
  });
  const next = colorScheme === 'auto' ? 'light' : colorScheme === 'light' ? 'dark' : 'auto';
  return (
    <div className={classes['row']}>
      <Link to={paths.settings()} className={classes['target'] ?? ''}>
        <span className="visually-hidden">{t('account')}: </span>
        <span className={classes['initial']} aria-hidden>
          {[...account.displayName][0]?.toLocaleUpperCase()}
        </span>
        <span className={classes['names']}>
          <ForeignText>{account.displayName}</ForeignText>
          <small>
            <ForeignText>{account.name}</ForeignText>
          </small>
        </span>
      </Link>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={t('scheme')}
        title={t('scheme')}
        onClick={() => setColorScheme(next)}
      >
        <IconSunMoon size={18} stroke={1.6} aria-hidden />
      </ActionIcon>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={t('signOut')}
        title={t('signOut')}
        loading={leave.isPending}
        onClick={() => leave.mutate()}
      >
        <IconLogout size={18} stroke={1.6} aria-hidden />
      </ActionIcon>
    </div>
  );
}
