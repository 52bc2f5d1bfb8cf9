import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { paths } from '../../app/paths.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';
import { ClusterWizard } from './cluster-wizard.js';
import { DocumentForm } from './document-form.js';

/** Connects a site: the lab with one click, a cluster step by step, or by a document that is there already. */
export function Page() {
  const { t } = useTranslation('connect');
  return (
    <Frame title={t('title')} about={t('about')}>
      <Offer />
      <ClusterWizard />
      <details>
        <summary>{t('byDocument')}</summary>
        <DocumentForm />
      </details>
    </Frame>
  );
}

/** A site that is ready to be connected, where there is one: the lab on this machine. */
function Offer() {
  const { t } = useTranslation('connect');
  const navigate = useNavigate();
  const offer = useQuery({
    queryKey: ['sites', 'offer'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/sites/offer', { signal })),
  });
  const accept = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/sites/offer/accept')),
    onSuccess: async (site) => {
      await queryClient.invalidateQueries();
      void navigate(paths.site(site.name));
    },
  });
  if (!offer.data?.available) return null;
  return (
    <Section title={t('lab')}>
      <Text size="sm">{t('labAbout', { domain: offer.data.domain })}</Text>
      {accept.error ? <ProblemCard problem={toProblem(accept.error)} /> : null}
      <Group>
        <Button loading={accept.isPending} onClick={() => accept.mutate()}>
          {t('labConnect')}
        </Button>
      </Group>
    </Section>
  );
}
