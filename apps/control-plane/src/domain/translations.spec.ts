import type { Blueprint } from './blueprint/blueprint.js';
import type { ModuleManifest } from './module/manifest.js';
import { inLanguages, textsOfBlueprint, textsOfModule } from './translations.js';

const module = {
  name: 'wiki',
  title: 'Wiki',
  summary: 'Written together.',
  config: {
    type: 'object',
    additionalProperties: false,
    properties: {
      look: {
        type: 'object',
        title: 'Look',
        properties: { colour: { type: 'string', title: 'Colour', description: 'Of the head.', default: 'Look' } },
      },
      names: { type: 'array', items: { type: 'string', title: 'Name' } },
    },
  },
  tiles: [{ title: 'Wiki', url: 'https://wiki' }],
  todos: [{ id: 'first', severity: 'info', text: 'Write a page.' }],
  translations: {
    de: { Wiki: 'Das Wiki', Look: 'Aussehen', Colour: 'Farbe', 'Write a page.': 'Eine Seite schreiben.', Name: 'Name' },
    fr: { Wiki: 'Le wiki' },
  },
} as unknown as ModuleManifest;
const blueprint = {
  title: 'Team',
  summary: 'A wiki.',
  audience: 'a team',
  parameters: { domain: { type: 'string', title: 'Your domain' } },
  components: { wiki: { title: 'Wiki', default: true, modules: ['wiki'] } },
  translations: { de: { Team: 'Mannschaft', 'Your domain': 'Ihre Domain', Wiki: 'Das Wiki', 'a team': 'ein Team' } },
} as unknown as Blueprint;
const read = (...languages: string[]) => {
  const content = inLanguages({ modules: [module], blueprints: [blueprint], interfaces: [] }, languages);
  return { module: content.modules[0]!, blueprint: content.blueprints[0]! };
};

describe('texts of modules and blueprints', () => {
  it.each([
    [['de'], 'Das Wiki'],
    [['de-AT', 'en'], 'Das Wiki'],
    [['nl', 'fr-CH', 'de'], 'Le wiki'],
    [['en-GB', 'de'], 'Wiki'],
    [['*'], 'Wiki'],
    [['nl'], 'Wiki'],
    [[], 'Wiki'],
    [['__proto__', 'constructor'], 'Wiki'],
  ])('who reads %j reads %s', (languages, title) => {
    expect(read(...languages).module.title).toBe(title);
  });

  it('are translated wherever people read them, and nowhere else', () => {
    const german = read('de');
    expect(german.module).toMatchObject({
      name: 'wiki',
      summary: 'Written together.',
      config: {
        properties: {
          look: {
            title: 'Aussehen',
            properties: { colour: { title: 'Farbe', description: 'Of the head.', default: 'Look' } },
          },
          names: { items: { title: 'Name' } },
        },
      },
      tiles: [{ title: 'Das Wiki', url: 'https://wiki' }],
      todos: [{ id: 'first', text: 'Eine Seite schreiben.' }],
    });
    expect(german.blueprint).toMatchObject({
      title: 'Mannschaft',
      audience: 'ein Team',
      parameters: { domain: { title: 'Ihre Domain' } },
      components: { wiki: { title: 'Das Wiki', modules: ['wiki'] } },
    });
  });

  it('are known, so that a translation of something else is found', () => {
    expect([...textsOfModule(module)]).toEqual([
      ...['Wiki', 'Written together.', 'Look', 'Colour', 'Of the head.', 'Name', 'Write a page.'],
    ]);
    expect([...textsOfBlueprint(blueprint)]).toEqual(['Team', 'A wiki.', 'a team', 'Your domain', 'Wiki']);
  });
});
