import { SegmentedControl, Table } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dto } from '../../api/types.js';
import { ForeignText } from '../../components/foreign-text.js';
import { graphFits, LayerGraph, type LayerNode } from '../../components/layer-graph.js';
import { layersOf } from '../../components/layers.js';
import { ListTable } from '../../components/list-table.js';
import { Scroll } from '../../components/scroll.js';
import { Section } from '../../components/section.js';
import { useGuests } from './use-stack.js';

type Seen = Dto<'StackDetailDto'>;
type View = 'bindings' | 'places' | 'table';
const VIEWS: readonly View[] = ['bindings', 'places', 'table'];

/** How a stack hangs together: modules by what they lean on, zones with their guests, and both as one table. */
export function Topology({ seen }: { seen: Seen }) {
  const { t } = useTranslation('stacks');
  const [view, setView] = useState<View>(() => (graphFits() ? 'bindings' : 'table'));
  const placed = seen.instances.some(({ guests }) => guests.length > 0);
  return (
    <Section title={t('topology')}>
      <Scroll label={t('topology')}>
        <SegmentedControl
          w="fit-content"
          aria-label={t('topology')}
          value={view}
          onChange={(value) => setView(value as View)}
          data={VIEWS.filter((value) => value !== 'places' || placed).map((value) => ({
            value,
            label: t(`view.${value}`),
          }))}
        />
      </Scroll>
      {view === 'bindings' ? <Bindings seen={seen} /> : null}
      {view === 'places' ? <Places seen={seen} /> : null}
      {view === 'table' ? <Parts seen={seen} /> : null}
    </Section>
  );
}

function Bindings({ seen }: { seen: Seen }) {
  const { t } = useTranslation('stacks');
  const graph = useMemo(() => {
    const own = new Map(seen.instances.map((instance) => [instance.name, instance]));
    const all = [...new Set([...own.keys(), ...seen.bindings.map((binding) => binding.provider)])];
    const edges = seen.bindings.map((binding) => ({ from: binding.consumer, to: binding.provider }));
    // What is leant on stands left of what leans on it.
    const layers = layersOf(all, edges);
    const unique = [...new Map(edges.map((edge) => [`${edge.from} ${edge.to}`, edge])).values()];
    return {
      nodes: all.map((id): LayerNode => {
        const instance = own.get(id);
        const about = instance
          ? instance.guests.map((guest) => `${guest.hostname} · ${guest.zone}`).join(', ')
          : t('otherStack');
        return { id, label: id, about, layer: layers.get(id) ?? 0, ...(instance ? { colour: 'bastide' } : {}) };
      }),
      edges: unique.map(({ from, to }) => ({ from: to, to: from })),
    };
  }, [seen, t]);
  return <LayerGraph {...graph} label={t('view.bindings')} />;
}

const COLOURS: Partial<Record<Dto<'LiveGuestDto'>['status'], string>> = {
  running: 'green',
  stopped: 'red',
  suspended: 'orange',
  missing: 'red',
};

/** Zones, the guests in them, the modules on those. Guests have the colour of their state now. */
function Places({ seen }: { seen: Seen }) {
  const { t } = useTranslation('stacks');
  const live = useGuests(seen.stack.id);
  const graph = useMemo(() => {
    const guests = seen.instances.flatMap((instance) =>
      instance.guests.map((guest) => ({ ...guest, instance: instance.name, module: instance.module })),
    );
    guests.sort((a, b) => a.zone.localeCompare(b.zone) || a.hostname.localeCompare(b.hostname));
    const zones = [...new Set(guests.map((guest) => guest.zone))];
    const stateOf = (instance: string, name: string) =>
      live.data?.find((one) => one.instance === instance && one.guest === name)?.status;
    const nodes: LayerNode[] = [
      ...zones.map((zone) => ({ id: `zone ${zone}`, label: zone, about: t('zone'), layer: 0 })),
      ...guests.map((guest) => {
        const colour = COLOURS[stateOf(guest.instance, guest.name) ?? 'unknown'];
        const about = `${guest.address} · ${guest.node}/${guest.vmid}`;
        return { id: `guest ${guest.hostname}`, label: guest.hostname, about, layer: 1, ...(colour ? { colour } : {}) };
      }),
      ...guests
        .filter((guest, at) => guests.findIndex((other) => other.instance === guest.instance) === at)
        .map((guest) => ({
          id: `part ${guest.instance}`,
          label: guest.instance,
          about: guest.module === guest.instance ? t('module') : guest.module,
          layer: 2,
          colour: 'bastide',
        })),
    ];
    const edges = guests.flatMap((guest) => [
      { from: `zone ${guest.zone}`, to: `guest ${guest.hostname}` },
      { from: `guest ${guest.hostname}`, to: `part ${guest.instance}` },
    ]);
    return { nodes, edges };
  }, [seen, live.data, t]);
  return <LayerGraph {...graph} label={t('view.places')} />;
}

/** The same to read: each part with its guests, their zones and places, and what it leans on for what. */
function Parts({ seen }: { seen: Seen }) {
  const { t } = useTranslation('stacks');
  return (
    <ListTable surface label={t('topology')} heads={[t('instance'), t('guest'), t('zone'), t('where'), t('needs')]}>
      <Table.Tbody>
        {seen.instances.map((instance) => (
          <Table.Tr key={instance.name}>
            <Table.Td>{instance.name}</Table.Td>
            <Table.Td>
              {instance.guests.map((guest) => `${guest.hostname} ${guest.address}`).join(', ') || '–'}
            </Table.Td>
            <Table.Td>{[...new Set(instance.guests.map((guest) => guest.zone))].join(', ') || '–'}</Table.Td>
            <Table.Td>{instance.guests.map((guest) => `${guest.node} · ${guest.vmid}`).join(', ') || '–'}</Table.Td>
            <Table.Td>
              <ForeignText>
                {seen.bindings
                  .filter((binding) => binding.consumer === instance.name)
                  .map((binding) => `${binding.provider} (${binding.interface})`)
                  .join(', ') || '–'}
              </ForeignText>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ListTable>
  );
}
