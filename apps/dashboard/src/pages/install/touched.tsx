import { Badge, Group, Table, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Dto } from '../../api/types.js';
import cards from '../../components/cards.module.css';
import { ForeignText } from '../../components/foreign-text.js';
import { formatNumber } from '../../components/formats.js';
import { Said } from '../../components/said.js';
import { Scroll } from '../../components/scroll.js';
import { Section } from '../../components/section.js';

type Thing = Dto<'TouchedDto'>;

const EFFECT: Record<Thing['effect'], string> = {
  created: 'green',
  changed: 'blue',
  restarted: 'orange',
  removed: 'red',
};

/** Everything a plan touches, by kind in the planner's order: how many of each in one line, then each with what happens to it. */
export function Touched({ of }: { of: readonly Thing[] }) {
  const { t } = useTranslation('install');
  if (of.length === 0) return null;
  const kinds = new Map<string, Thing[]>();
  for (const one of of) kinds.set(one.kind, [...(kinds.get(one.kind) ?? []), one]);
  const name = (kind: string): string => t(`kinds.${kind}`, { defaultValue: kind });
  return (
    <Section title={t('touched')}>
      <Group gap="xs" data-touched-kinds>
        {[...kinds].map(([kind, things]) => (
          <Badge key={kind} variant="default" tt="none" radius="sm" size="lg" fw={500}>
            {name(kind)}: {formatNumber(things.length)}
          </Badge>
        ))}
      </Group>
      <Scroll surface label={t('touched')}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('what')}</Table.Th>
              <Table.Th>{t('effect')}</Table.Th>
              <Table.Th>{t('detail')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          {[...kinds].map(([kind, things]) => (
            <Table.Tbody key={kind}>
              <Table.Tr className={cards['group'] ?? ''}>
                <Table.Th scope="rowgroup" colSpan={3}>
                  {name(kind)} ({formatNumber(things.length)})
                </Table.Th>
              </Table.Tr>
              {things.map((one) => (
                <Table.Tr key={`${one.name} ${one.effect} ${one.detail}`}>
                  <Table.Td>
                    <ForeignText>{one.name}</ForeignText>
                  </Table.Td>
                  <Table.Td>
                    <Badge color={EFFECT[one.effect]} variant="light" tt="none" radius="sm">
                      {t(`effects.${one.effect}`)}
                    </Badge>
                  </Table.Td>
                  <Table.Td>
                    {one.detail ? (
                      <Text size="sm" component="span">
                        <Said>{one.detail}</Said>
                      </Text>
                    ) : null}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          ))}
        </Table>
      </Scroll>
    </Section>
  );
}
