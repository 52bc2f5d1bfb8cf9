import { Button, Modal, NumberInput, Select, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { ProblemCard } from '../../components/problem-card.js';
import { usePlan } from '../install/plan-request.js';

interface Changed {
  readonly stack: Dto<'StackDto'>;
  readonly instance: string;
  readonly guest: Dto<'StackGuestDto'>;
}

/** One guest gets more room, or another node. A change becomes a plan first. */
export function GuestChange(props: Changed) {
  const { t } = useTranslation('stacks');
  const [opened, modal] = useDisclosure(false);
  const name = `${props.instance}.${props.guest.name}`;
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={modal.open}>
        {t('change.action')}
        <span className="visually-hidden"> {name}</span>
      </Button>
      <Modal opened={opened} onClose={modal.close} title={t('change.title', { guest: name })}>
        <Form {...props} name={name} />
      </Modal>
    </>
  );
}

function Form({ stack, guest, name }: Changed & { name: string }) {
  const { t } = useTranslation('stacks');
  const plan = usePlan();
  const before: Record<string, number> = {
    cpus: guest.cpus,
    memoryMiB: guest.memoryMiB,
    diskGiB: guest.rootGiB,
    ...Object.fromEntries(guest.volumes.map((volume) => [`volume.${volume.name}`, volume.sizeGiB])),
  };
  const [values, setValues] = useState(before);
  const [node, setNode] = useState(guest.node);
  const site = useQuery({
    queryKey: ['site', stack.site],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/sites/{name}', { params: { path: { name: stack.site } }, signal })),
  });
  const nodes = site.data?.substrates.find((one) => one.name === guest.substrate)?.nodes ?? [];
  const differs = (key: string) => values[key] !== before[key];
  const sized = Object.keys(before).some(differs);
  const number = (key: string, label: string, least: number) => (
    <NumberInput
      key={key}
      label={label}
      value={values[key] ?? least}
      min={least}
      allowDecimal={false}
      allowNegative={false}
      onChange={(value) => setValues((all) => ({ ...all, [key]: Number(value) }))}
    />
  );
  const only = (key: 'cpus' | 'memoryMiB' | 'diskGiB') => (differs(key) ? { [key]: values[key] } : {});
  const volumes = guest.volumes
    .filter((volume) => differs(`volume.${volume.name}`))
    .map((volume) => ({ name: volume.name, sizeGiB: values[`volume.${volume.name}`] ?? volume.sizeGiB }));
  const problem = plan.error ? toProblem(plan.error) : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        plan.mutate({
          site: stack.site,
          stack: stack.name,
          ...(sized
            ? {
                guests: [
                  {
                    guest: name,
                    ...only('cpus'),
                    ...only('memoryMiB'),
                    ...only('diskGiB'),
                    ...(volumes.length > 0 ? { volumes } : {}),
                  },
                ],
              }
            : {}),
          ...(node === guest.node ? {} : { move: [{ guest: name, node }] }),
        });
      }}
    >
      <Stack>
        {number('cpus', t('change.cpus'), 1)}
        {number('memoryMiB', t('change.memory'), 64)}
        {number('diskGiB', t('change.root'), guest.rootGiB)}
        {guest.volumes.map((volume) =>
          number(`volume.${volume.name}`, t('change.volume', { name: volume.name }), volume.sizeGiB),
        )}
        <Text size="xs" c="dimmed">
          {t('change.grows')}
        </Text>
        <Select
          label={t('change.node')}
          description={t('change.restart')}
          data={nodes.filter((one) => one.online || one.name === guest.node).map((one) => one.name)}
          value={node}
          allowDeselect={false}
          disabled={nodes.length < 2}
          onChange={(chosen) => setNode(chosen ?? guest.node)}
        />
        {problem ? <ProblemCard problem={problem} /> : null}
        <Button type="submit" disabled={!sized && node === guest.node} loading={plan.isPending}>
          {t('change.plan')}
        </Button>
      </Stack>
    </form>
  );
}
