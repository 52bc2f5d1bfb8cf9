import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryCatalogue } from '../src/adapters/catalogue/directory-catalogue.js';
import { hasErrors } from '../src/domain/diagnostic.js';
import { renderPlan } from '../src/domain/plan/render-plan.js';
import { Planning } from '../src/domain/plan/testing/planning.js';
import { SITE, wantedStack } from '../src/domain/plan/testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const catalogue = await new DirectoryCatalogue({ modules: ['modules'], blueprints: ['blueprints'] }).load();

/** `UPDATE_PLANS=1 npm run test:unit -- golden` writes them anew; the difference is what a reviewer reads. */
const update = process.env.UPDATE_PLANS === '1';

describe('the plan of a blueprint on an empty site', () => {
  it('is known for every blueprint of the catalogue', () => {
    expect(catalogue.diagnostics).toEqual([]);
    expect(catalogue.blueprints.map((blueprint) => blueprint.name).sort()).toEqual([
      'dashboard-sign-in',
      'files',
      'foundation',
      'team',
    ]);
  });

  it.each(catalogue.blueprints)(
    'of $name is the reviewed one in expected-plan.txt, and empty once it is installed',
    ({ name, version }) => {
      const wanted = wantedStack({ name, blueprint: { name, version }, parameters: {} });
      const planning = new Planning(sha256, undefined, { catalogue });
      const plan = planning.apply(wanted);
      expect(hasErrors(plan.findings)).toBe(false);
      const file = join('blueprints', name, 'expected-plan.txt');
      if (update) writeFileSync(file, renderPlan(plan));
      expect(renderPlan(plan)).toBe(readFileSync(file, 'utf8'));
      expect(planning.plan(wanted).steps).toEqual([]);
    },
  );

  it('of another domain for team is the reviewed one in expected-domain-change.txt, and empty once it is through', () => {
    const wanted = wantedStack({ name: 'team', blueprint: { name: 'team', version: '1.0.0' }, parameters: {} });
    const planning = new Planning(sha256, undefined, { catalogue });
    planning.apply(wanted);
    const site = { ...SITE, domain: 'town.example', adminEmail: 'admin@town.example' };
    const values = [{ subject: 'site: adminEmail', before: SITE.adminEmail, after: site.adminEmail }];
    const orders = { domain: { from: SITE.domain, to: site.domain, rewrite: true, values } };
    const plan = planning.apply(wanted, { orders, site });
    const file = join('blueprints', 'team', 'expected-domain-change.txt');
    if (update) writeFileSync(file, renderPlan(plan));
    expect(renderPlan(plan)).toBe(readFileSync(file, 'utf8'));
    expect(planning.plan(wanted, { site }).steps).toEqual([]);
    expect(JSON.stringify(planning.world.recorded)).not.toContain(SITE.domain);
  });
});
