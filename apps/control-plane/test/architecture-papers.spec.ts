/** The papers say what the code does: links, scripts, commands, examples and samples are read and tried. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { DirectoryCatalogue } from '../src/adapters/catalogue/directory-catalogue.js';
import { parseBlueprint, parseInterface, parseModule, parseSite } from '../src/documents/documents.js';
import { checkValue } from '../src/domain/module/config-check.js';
import { LIFECYCLE_HOOKS } from '../src/domain/module/manifest.js';

const papers = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];
const text = (file: string): string => readFileSync(file, 'utf8');
const blocks = (file: string, language: string): string[] =>
  [...text(file).matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, found]) => found === language)
    .map(([, , block]) => block!);
const digest = '0'.repeat(64);

describe('papers', () => {
  it.each(papers)('links of %s lead somewhere', (file) => {
    const prose = text(file).replace(/```[\s\S]*?```/g, '');
    const targets = [...prose.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, target]) =>
      join(file, '..', target!),
    );
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });

  it('name files of the repository that there are', () => {
    const named = papers.flatMap((file) =>
      [
        ...text(file)
          .replace(/```[\s\S]*?```/g, '')
          .matchAll(/`((?:apps|modules|blueprints|infra|docs)\/[\w./-]+\w)`/g),
      ].map(([, path]) => path!),
    );
    expect(named.length).toBeGreaterThan(5);
    // What the tutorial has its reader write is not there.
    const own = /^(modules\/guestbook|blueprints\/guests)/;
    expect([...new Set(named)].filter((path) => !own.test(path) && !existsSync(path))).toEqual([]);
  });

  it('tell people to run scripts that exist', () => {
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
    const named = papers.flatMap((file) =>
      [...text(file).matchAll(/npm (?:run (?:-s )?([a-z][a-z0-9:-]*)|(test)\b)/g)].map(
        ([, run, test]) => (run ?? test)!,
      ),
    );
    expect(named).toEqual(expect.arrayContaining(['demo', 'test', 'build']));
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });

  it('know every lifecycle hook', () => {
    expect(LIFECYCLE_HOOKS.filter((hook) => !text('docs/reference/hooks.md').includes(hook))).toEqual([]);
  });
});

describe('the page of commands', () => {
  const page = text('docs/reference/cli.md');
  const sources = readdirSync('apps/cli/src/commands').map((file) => text(join('apps/cli/src/commands', file)));

  it('has every command, under its noun', () => {
    const named = sources.flatMap((source) => {
      const nouns = new Map(
        [...source.matchAll(/const (\w+) = (program|stack)\s*\.command\('(\w+)'\)/g)].map(([, name, above, noun]) => [
          name!,
          above === 'program' ? noun! : `${above} ${noun}`,
        ]),
      );
      return [...source.matchAll(/(\w+)\s*\.command\('(\w+)'\)/g)]
        .filter(([, , word]) => ![...nouns.values()].some((noun) => noun.split(' ').at(-1) === word))
        .map(([, owner, word]) => (owner === 'program' ? word! : `${nouns.get(owner!) ?? owner} ${word}`));
    });
    expect(named.length).toBeGreaterThan(18);
    expect(named.filter((command) => !page.includes(`| \`${command}`))).toEqual([]);
  });

  it('has every option', () => {
    const options = [...sources, text('apps/cli/src/main.ts')].flatMap((source) =>
      [...source.matchAll(/[oO]ption\(\s*'(?:-\w, )?(--[a-z-]+)/g)].map(([, option]) => option!),
    );
    expect(options.length).toBeGreaterThan(15);
    expect([...new Set(options)].filter((option) => !page.includes(option))).toEqual([]);
  });

  it('has every exit code', () => {
    const codes = [...text('apps/cli/src/failure.ts').matchAll(/\b\w+: (\d)[,\s}]/g)].map(([, code]) => code!);
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter((code) => !page.includes(`\n| ${code} |`))).toEqual([]);
  });
});

describe('examples', () => {
  const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':');

  it('the README connects a site once the fingerprint is filled in', () => {
    const site = blocks('README.md', 'yaml')[0]!;
    expect(parseSite('README.md', site).diagnostics.map(({ subject }) => subject)).toEqual([
      'spec.substrates.pve.fingerprint',
    ]);
    const { value } = parseSite('README.md', site.replace('"…"', `"${fingerprint}"`));
    expect(Object.keys(value?.zones ?? {})).toEqual(['edge', 'services', 'apps']);
  });

  it('the reference has an interface that reads', () => {
    expect(parseInterface('x', blocks('docs/reference/interface.md', 'yaml')[0]!, 'postgresql-v1').diagnostics).toEqual(
      [],
    );
  });

  it('the tutorial has a module that reads, asks for what interfaces take, and a blueprint that holds it', async () => {
    const [module = '', , blueprint = ''] = blocks('docs/tutorial/first-module.md', 'yaml');
    const read = parseModule('x', module, { name: 'guestbook', digest, hookFiles: ['install', 'configure', 'check'] });
    expect(read.diagnostics).toEqual([]);
    const { interfaces, modules } = await new DirectoryCatalogue({ modules: ['modules'], blueprints: [] }).load();
    for (const { interface: name, request } of Object.values(read.value!.requires)) {
      const definition = interfaces.find((entry) => entry.name === name)!;
      expect(
        checkValue(definition.request, request, {
          tolerate: (value) => typeof value === 'string' && value.includes('{{'),
        }),
      ).toEqual([]);
    }
    const { value } = parseBlueprint('x', blueprint, { name: 'guests', digest });
    const { bindings } = value!.modules.guestbook!;
    expect(Object.keys(bindings).sort()).toEqual(Object.keys(read.value!.requires).sort());
    expect(Object.values(bindings).filter((provider) => !modules.some(({ name }) => name === provider))).toEqual([]);
  });

  it('the tutorial has a configuration for its test that the module takes', () => {
    const [module = '', cases = ''] = blocks('docs/tutorial/first-module.md', 'yaml');
    const read = parseModule('x', module, { name: 'guestbook', digest, hookFiles: ['install', 'configure', 'check'] });
    expect(checkValue(read.value!.config, (parse(cases) as { config: { greeting: string } }).config)).toEqual([]);
  });

  it.each(papers)('scripts in %s are scripts', (file) => {
    for (const script of [...blocks(file, 'bash'), ...blocks(file, 'sh')])
      execFileSync('bash', ['-n'], { input: script, stdio: ['pipe', 'ignore', 'pipe'] });
  });
});

describe('publiccode.yml', () => {
  const paper = parse(text('publiccode.yml')) as Record<string, unknown> & {
    description: { en: Record<string, string | string[]> };
  };

  it('has what version 0.4 demands, in its lengths', () => {
    expect(paper).toMatchObject({
      publiccodeYmlVersion: '0.4',
      developmentStatus: expect.stringMatching(/^(concept|development|beta|stable|obsolete)$/),
      legal: { license: 'EUPL-1.2' },
      maintenance: { type: 'community', contacts: [{ name: expect.any(String) }] },
      localisation: { localisationReady: expect.any(Boolean), availableLanguages: ['en'] },
    });
    const { shortDescription, longDescription, features } = paper.description.en;
    expect(shortDescription!.length).toBeLessThanOrEqual(150);
    expect(longDescription!.length).toBeGreaterThanOrEqual(500);
    expect(features!.length).toBeGreaterThan(0);
  });

  it('agrees with package.json and LICENSE', () => {
    const { version, license } = JSON.parse(text('package.json')) as { version: string; license: string };
    expect([paper.softwareVersion, license]).toEqual([version, 'EUPL-1.2']);
    expect(text('LICENSE')).toMatch(/^\s*EUROPEAN UNION PUBLIC LICENCE v\. 1\.2\n/);
    expect(text('LICENSE').match(/^\d+\./gm)).toHaveLength(15);
  });
});
