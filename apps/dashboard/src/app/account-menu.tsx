import { Menu, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { IconLogout, IconSunMoon } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { signOut } from '../api/session.js';
import type { Dto } from '../api/types.js';
import { ForeignText } from '../components/foreign-text.js';
import classes from './account-menu.module.css';
import { paths } from './paths.js';

/** Who is signed in; light or dark; out. */
export function AccountMenu({ account }: { account: Dto<'AccountDto'> }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const leave = useMutation({ mutationFn: signOut, onSuccess: () => void navigate(paths.login()) });
  const next = colorScheme === 'auto' ? 'light' : colorScheme === 'light' ? 'dark' : 'auto';
  return (
    <Menu position="top-start" width={220} withinPortal>
      <Menu.Target>
        <UnstyledButton className={classes['target'] ?? ''} aria-label={`${t('account')}: ${account.displayName}`}>
          <span className={classes['initial']} aria-hidden>
            {[...account.displayName][0]?.toLocaleUpperCase()}
          </span>
          <span className={classes['names']}>
            <ForeignText>{account.displayName}</ForeignText>
            <small>
              <ForeignText>{account.name}</ForeignText>
            </small>
          </span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconSunMoon size={16} />}
          closeMenuOnClick={false}
          onClick={() => setColorScheme(next)}
        >
          {t('scheme')}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => leave.mutate()}>
          {t('signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
