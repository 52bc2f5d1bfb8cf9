import { stringify } from 'yaml';
import type { Site } from '../domain/site/site.js';

/** A site as its document; `parseSite` of it gives the same site. Holds no secret: credentials are references. */
export function renderSite({ name, ...spec }: Site): string {
  const { resolvers, substrates, zones, ...rest } = spec;
  return stringify(
    {
      apiVersion: 'bastide.dev/v1',
      kind: 'Site',
      metadata: { name },
      spec: {
        ...rest,
        ...(resolvers.length > 0 ? { resolvers } : {}),
        substrates: Object.fromEntries(
          Object.entries(substrates).map(([key, { nodes, ...substrate }]) => [
            key,
            { ...substrate, ...(nodes.length > 0 ? { nodes } : {}) },
          ]),
        ),
        zones,
      },
    },
    { lineWidth: 120 },
  );
}
