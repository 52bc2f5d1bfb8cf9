import { useMutation } from '@tanstack/react-query';
import { api, ask } from '../../api/client.js';
import { queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';

const NAME = /^\s*metadata:\s*(?:\{\s*name:\s*([\w-]+)|\n\s+name:\s*([\w-]+))/m;
const CREDENTIAL = /credential:\s*secret:([\w-]+)/;

/** The name that a site document gives itself. */
export const siteNameOf = (document: string): string | undefined => {
  const found = NAME.exec(document);
  return found?.[1] ?? found?.[2];
};

/** The credential that it asks for. */
export const credentialOf = (document: string): string | undefined => CREDENTIAL.exec(document)?.[1];

export interface Connected {
  site: Dto<'SiteDto'>;
  findings: Dto<'DoctorFindingDto'>[];
}

/** Sends a document with its credential, then lets the doctor look. */
export function useConnect(onDone: () => void) {
  return useMutation({
    mutationFn: async (given: { document: string; credential: string; secret: string }): Promise<Connected> => {
      const name = siteNameOf(given.document) ?? '';
      const credential = given.credential || credentialOf(given.document);
      const site = await ask(
        api.PUT('/api/v1/sites/{name}', {
          params: { path: { name } },
          body: {
            document: given.document,
            ...(credential && given.secret ? { credentials: { [credential]: given.secret.trim() } } : {}),
          },
        }),
      );
      return { site, findings: await ask(api.POST('/api/v1/sites/{name}/doctor', { params: { path: { name } } })) };
    },
    onSuccess: async () => {
      onDone();
      await queryClient.invalidateQueries();
    },
  });
}
