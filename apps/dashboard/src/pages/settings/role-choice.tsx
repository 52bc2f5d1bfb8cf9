import { Group, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import type { Dto } from '../../api/types.js';

const ROLES = ['viewer', 'operator', 'author', 'admin'] as const;
const EVERYWHERE = '*';

/** A role and where it holds. */
export function RoleChoice({
  value,
  onChange,
}: {
  value: Dto<'GrantDto'>;
  onChange: (grant: Dto<'GrantDto'>) => void;
}) {
  const { t } = useTranslation('settings');
  const sites = useQuery({ queryKey: ['sites'], queryFn: ({ signal }) => ask(api.GET('/api/v1/sites', { signal })) });
  return (
    <Group grow>
      <Select
        label={t('role')}
        data={ROLES.map((role) => ({ value: role, label: t(`roles.${role}`) }))}
        value={value.role}
        allowDeselect={false}
        onChange={(role) => onChange({ ...value, role: (role ?? value.role) as Dto<'GrantDto'>['role'] })}
      />
      <Select
        label={t('site')}
        data={[
          { value: EVERYWHERE, label: t('everySite') },
          ...(sites.data ?? []).map((site) => ({ value: site.name, label: site.name })),
        ]}
        value={value.site ?? EVERYWHERE}
        allowDeselect={false}
        onChange={(site) => onChange({ ...value, site: site === null || site === EVERYWHERE ? null : site })}
      />
    </Group>
  );
}
