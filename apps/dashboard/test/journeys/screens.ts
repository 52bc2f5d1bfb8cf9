import { join } from 'node:path';
import { axeFindings } from '../axe.js';
import type { Day } from '../day.js';

/** Each look: size, scheme, language, and whether axe examines it (the middle width has the layout of the wide one). */
const LOOKS = [
  { width: 1440, height: 900, colorScheme: 'light', language: 'en', examined: true },
  { width: 1440, height: 900, colorScheme: 'dark', language: 'de', examined: true },
  { width: 1024, height: 768, colorScheme: 'light', language: 'fr', examined: false },
  { width: 1024, height: 768, colorScheme: 'dark', language: 'en', examined: false },
  { width: 390, height: 844, colorScheme: 'light', language: 'de', examined: true },
  { width: 390, height: 844, colorScheme: 'dark', language: 'fr', examined: true },
] as const;

/** Every screen at three widths, in two schemes and three languages: nothing too wide, nothing that axe finds. */
export function screens(day: Day): void {
  it(
    'every screen fits 1440, 1024 and 390 pixels, light and dark, in three languages, without a finding of axe',
    async () => {
      const team = new URL(day.team).pathname;
      const paths = [
        '/',
        '/stacks',
        team,
        ...['guests', 'checks', 'configuration', 'secrets', 'remove'].map((tab) => `${team}/${tab}`),
        '/catalogue',
        '/catalogue/blueprints/team',
        '/catalogue/blueprints/team/install',
        '/catalogue/modules/wiki',
        '/catalogue/modules/memo',
        await installPlan(day),
        '/runs',
        new URL(day.run).pathname,
        '/sites',
        '/sites/demo',
        '/sites/connect',
        '/audit',
        ...['', '/sessions', '/people', '/log-in', '/tokens', '/notifications', '/connection'].map(
          (tab) => `/settings${tab}`,
        ),
      ];
      const findings: string[] = [];
      const signedIn = await day.context.storageState();
      const look = async (of: (typeof LOOKS)[number]): Promise<void> => {
        const { width, height, colorScheme, language, examined } = of;
        // axe is injected by the test; the pages themselves run under their strict policy everywhere else.
        const own = await day.browser.newContext({
          storageState: signedIn,
          viewport: { width, height },
          colorScheme,
          reducedMotion: 'reduce',
          bypassCSP: true,
          locale: { en: 'en-GB', de: 'de-DE', fr: 'fr-FR' }[language],
        });
        await own.addInitScript((code) => localStorage.setItem('bastide.language', code), language);
        const page = await own.newPage();
        page.on('pageerror', (error) => findings.push(`${page.url()}: ${error.message}`));
        for (const path of paths) {
          const where = `${path} at ${width} ${colorScheme} ${language}`;
          await page.goto(day.base + path);
          await page.locator('main h1').first().waitFor();
          await page.waitForFunction(() => !document.querySelector('main [data-on-its-way]'));
          await page.waitForTimeout(100);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wide > 0) findings.push(`${where}: ${wide} pixels too wide`);
          if (process.env.E2E_SCREENSHOTS) {
            const name = path
              .replace(team, '/stack')
              .replace(/(run|plan)s\/.*/, '$1')
              .replaceAll('/', '_');
            const file = `${name}-${width}-${colorScheme}-${language}.png`;
            await page.screenshot({ path: join(process.env.E2E_SCREENSHOTS, file), fullPage: true });
          }
          if (examined) findings.push(...(await axeFindings(page)).map((finding) => `${where}: ${finding}`));
        }
        await own.close();
      };
      // Two at a time: there are two processors.
      const left = [...LOOKS];
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next; next = left.shift()) await look(next);
      };
      await Promise.all([work(), work()]);
      expect(findings).toEqual([]);
    },
    10 * 60_000,
  );
}

/** A plan to look at; nobody applies it. */
async function installPlan(day: Day): Promise<string> {
  const plan = (await day.demo.cli('plan', 'memo', '--name', 'looked-at')).json();
  return `/plans/${plan.id}`;
}
