import type { Day } from '../day.js';
import { looksAt, wearLight } from '../looks.js';

/**
 * Each walk through all screens: size, language, and whether axe examines them. Its rules but one look at what is there, which
 * differs between a wide and a narrow page (the middle width has the parts of the wide one) and in no language: texts.spec
 * holds that none is missing. What is too wide depends on the words: the narrow page is measured in both of the longer languages.
 */
const WALKS = [
  { width: 1440, height: 900, language: 'en', examined: true },
  { width: 390, height: 844, language: 'de', examined: true },
  { width: 1024, height: 768, language: 'de', examined: false },
  { width: 390, height: 844, language: 'fr', examined: false },
] as const;
type Walk = (typeof WALKS)[number];
const LOCALES = { en: 'en-GB', de: 'de-DE', fr: 'fr-FR' };

/** Every screen at three widths, in two schemes and three languages: nothing too wide, nothing that axe finds. */
export function screens(day: Day): void {
  it(
    'every screen fits 1440, 1024 and 390 pixels, light and dark, in three languages, without a finding of axe',
    async () => {
      const paths = await pathsOf(day);
      const signedIn = await day.context.storageState();
      const findings: string[] = [];
      const walk = async ({ width, height, language, examined }: Walk): Promise<void> => {
        const own = await day.browser.newContext({
          storageState: signedIn,
          viewport: { width, height },
          reducedMotion: 'reduce',
          locale: LOCALES[language],
        });
        await own.addInitScript((code) => localStorage.setItem('bastide.language', code), language);
        const page = await own.newPage();
        page.on('pageerror', (error) => findings.push(`${page.url()}: ${error.message}`));
        for (const [name, path] of paths) {
          await wearLight(page);
          await page.goto(day.base + path);
          await page.locator('main h1').first().waitFor();
          await page.waitForFunction(() => !document.querySelector('main [data-on-its-way]'));
          await page.waitForFunction(() => [...document.images].every((image) => image.complete));
          await page.waitForTimeout(100);
          for (const finding of await looksAt(page, `${name}-${width}-${language}`, examined))
            findings.push(`${path} at ${width} ${language}: ${finding}`);
        }
        await own.close();
      };
      // Two at a time: there are two processors.
      const left = [...WALKS];
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next; next = left.shift()) await walk(next);
      };
      await Promise.all([work(), work()]);
      expect(findings).toEqual([]);
    },
    10 * 60_000,
  );
}

/** Every screen with the name of its pictures. */
async function pathsOf(day: Day): Promise<readonly (readonly [name: string, path: string])[]> {
  const team = new URL(day.team).pathname;
  // A plan to look at; nobody applies it.
  const plan: { id: string } = (await day.demo.cli('plan', 'memo', '--name', 'looked-at')).json();
  const settings = ['', '/sessions', '/people', '/log-in', '/tokens', '/notifications', '/connection'];
  const named = (path: string) => [path.replaceAll('/', '_'), path] as const;
  return [
    ...['/', '/stacks'].map(named),
    ...['', '/guests', '/checks', '/configuration', '/secrets', '/remove'].map(
      (tab) => [`_stack${tab.replace('/', '_')}`, team + tab] as const,
    ),
    ...[
      '/catalogue',
      '/catalogue/blueprints/team',
      '/catalogue/blueprints/team/install',
      '/catalogue/modules/wiki',
      '/catalogue/modules/memo',
    ].map(named),
    ['_plan', `/plans/${plan.id}`],
    ['_run', new URL(day.run).pathname],
    ...['/runs', '/sites', '/sites/demo', '/sites/connect', '/audit'].map(named),
    ...settings.map((section) => named(`/settings${section}`)),
  ];
}
