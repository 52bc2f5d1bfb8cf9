import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseBlueprint, parseModule } from '../documents/documents.js';
import type { CatalogueContent } from './catalogue.js';
import { blueprintGraph, layersOf } from './catalogue-graph.js';
import type { Sha256 } from './ids.js';

const folders = (of: string): string[] =>
  readdirSync(of, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'interfaces')
    .map((entry) => entry.name);
const facts = (name: string) => ({
  name,
  digest: 'd' as Sha256,
  hookFiles: existsSync(`modules/${name}/hooks`) ? readdirSync(`modules/${name}/hooks`) : [],
});

/** What the product ships. */
const content = {
  interfaces: [],
  modules: folders('modules').map((name) => {
    const file = `modules/${name}/module.yaml`;
    return parseModule(file, readFileSync(file, 'utf8'), facts(name)).value!;
  }),
  blueprints: folders('blueprints').map((name) => {
    const file = `blueprints/${name}/blueprint.yaml`;
    return parseBlueprint(file, readFileSync(file, 'utf8'), facts(name)).value!;
  }),
} as unknown as CatalogueContent;
const team = content.blueprints.find(({ name }) => name === 'team')!;

describe('a blueprint’s page', () => {
  it('shows what it includes first', () => {
    expect(layersOf(team, content).map(({ name }) => name)).toEqual(['foundation', 'team']);
  });

  it('shows who uses whom, by name or by being the only one able', () => {
    const { nodes, edges } = blueprintGraph(team, content);
    expect(nodes.find(({ id }) => id === 'wiki')).toEqual({
      id: 'wiki',
      module: 'wiki',
      title: 'Wiki',
      tier: 'app',
      component: 'wiki',
    });
    const of = (from: string) =>
      edges.filter((edge) => edge.from === from).map(({ requirement, to }) => `${requirement}: ${to}`);
    expect(of('wiki')).toEqual(['directory: directory', 'sso: identity', 'route: gateway', 'name: dns']);
    expect(
      edges.every(({ from, to }) => nodes.some(({ id }) => id === from) && nodes.some(({ id }) => id === to)),
    ).toBe(true);
  });

  it('tells what each size takes; a larger one takes more', () => {
    const { needs } = blueprintGraph(team, content);
    expect(Object.keys(needs)).toEqual(['small', 'medium', 'large']);
    expect(needs.small!.guests).toBe(needs.large!.guests);
    expect(needs.medium!.diskGiB).toBeGreaterThan(needs.small!.diskGiB);
    expect(needs.large!.memoryMiB).toBeGreaterThan(needs.medium!.memoryMiB);
  });

  it('is shown without what the catalogue lacks', () => {
    const poor = { ...content, modules: content.modules.filter(({ name }) => name !== 'gateway') };
    const { nodes, edges } = blueprintGraph(team, poor);
    expect(nodes.map(({ id }) => id)).not.toContain('gateway');
    expect(edges.map(({ to }) => to)).not.toContain('gateway');
  });
});
