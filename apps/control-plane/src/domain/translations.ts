import type { Blueprint } from './blueprint/blueprint.js';
import type { CatalogueContent } from './catalogue.js';
import type { ModuleManifest, PropertySchema } from './module/manifest.js';

/** Language (`de`) → English text of the document → that text in the language. */
export type Translations = Readonly<Record<string, Readonly<Record<string, string>>>>;

type Say = (text: string) => string;

/** Documents are written in English; what people read of them is shown in the first of these languages that the document has. */
export const moduleIn = (module: ModuleManifest, preferred: readonly string[]): ModuleManifest =>
  mapModule(module, sayIn(module.translations, preferred));
export const blueprintIn = (blueprint: Blueprint, preferred: readonly string[]): Blueprint =>
  mapBlueprint(blueprint, sayIn(blueprint.translations, preferred));

/** All of it at once: for pages that show all of it. */
export const inLanguages = (content: CatalogueContent, preferred: readonly string[]): CatalogueContent => ({
  ...content,
  modules: content.modules.map((module) => moduleIn(module, preferred)),
  blueprints: content.blueprints.map((blueprint) => blueprintIn(blueprint, preferred)),
});

/** What people read of a document, in its order: what its translations may translate. */
export const textsOfModule = (module: ModuleManifest): ReadonlySet<string> => heard((say) => mapModule(module, say));
export const textsOfBlueprint = (blueprint: Blueprint): ReadonlySet<string> =>
  heard((say) => mapBlueprint(blueprint, say));

function heard(tell: (say: Say) => void): ReadonlySet<string> {
  const texts = new Set<string>();
  tell((text) => {
    texts.add(text);
    return text;
  });
  return texts;
}

function sayIn(translations: Translations | undefined, preferred: readonly string[]): Say {
  for (const tag of preferred) {
    const language = tag.split('-')[0]!.toLowerCase();
    if (language === 'en' || language === '*') break;
    const words = translations && Object.hasOwn(translations, language) ? translations[language]! : undefined;
    if (words) return (text) => (Object.hasOwn(words, text) ? words[text]! : text);
  }
  return (text) => text;
}

const mapModule = (module: ModuleManifest, say: Say): ModuleManifest => ({
  ...module,
  title: say(module.title),
  summary: say(module.summary),
  config: { ...module.config, properties: mapProperties(module.config.properties, say) },
  tiles: module.tiles.map((tile) => ({ ...tile, title: say(tile.title) })),
  todos: module.todos.map((todo) => ({ ...todo, text: say(todo.text) })),
});

const mapBlueprint = (blueprint: Blueprint, say: Say): Blueprint => ({
  ...blueprint,
  title: say(blueprint.title),
  summary: say(blueprint.summary),
  ...(blueprint.audience === undefined ? {} : { audience: say(blueprint.audience) }),
  parameters: mapProperties(blueprint.parameters, say),
  components: mapEntries(blueprint.components, (component) => ({ ...component, title: say(component.title) })),
});

const mapProperties = (
  properties: Readonly<Record<string, PropertySchema>>,
  say: Say,
): Readonly<Record<string, PropertySchema>> => mapEntries(properties, (schema) => mapSchema(schema, say));

const mapSchema = (schema: PropertySchema, say: Say): PropertySchema => ({
  ...schema,
  ...(schema.title === undefined ? {} : { title: say(schema.title) }),
  ...(schema.description === undefined ? {} : { description: say(schema.description) }),
  ...(schema.items === undefined ? {} : { items: mapSchema(schema.items, say) }),
  ...(schema.properties === undefined ? {} : { properties: mapProperties(schema.properties, say) }),
});

const mapEntries = <T>(entries: Readonly<Record<string, T>>, change: (value: T) => T): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, change(value)]));
