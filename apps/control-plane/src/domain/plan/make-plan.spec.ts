import { createHash } from 'node:crypto';
import { makePlan } from './make-plan.js';
import type { Plan } from './plan.js';
import { renderPlan } from './render-plan.js';
import { planInput, wantedStack } from './testing/sample-site.js';
import { simulate, type World } from './testing/simulate.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const input = (over: Parameters<typeof planInput>[1] = {}) => planInput(sha256, over);
const ids = (plan: Plan): string[] => plan.steps.map((step) => step.id);
const errors = (plan: Plan) => plan.findings.filter((finding) => finding.severity === 'error');
const EMPTY: World = { recorded: input().recorded, observed: input().observed };
const installed = (wanted = wantedStack(), world = EMPTY): World => {
  const plan = makePlan(input({ wanted, ...world }));
  if (errors(plan).length > 0) throw new Error(JSON.stringify(plan.findings));
  return simulate(plan, world, sha256);
};
const replan = (world: World, over: Parameters<typeof planInput>[1] = {}): Plan =>
  makePlan(input({ ...world, ...over }));

describe('a first install', () => {
  const plan = makePlan(input());

  it('has all steps of every guest, in an order that can be carried out', () => {
    expect(plan.findings).toEqual([]);
    expect(plan.operation).toBe('install');
    expect(ids(plan)).toMatchSnapshot();
    expect(() => simulate(plan, EMPTY, sha256)).not.toThrow();
  });

  it('reads well', () => {
    expect(renderPlan(plan)).toMatchSnapshot();
  });

  it('leaves nothing to do', () => {
    const again = replan(installed());
    expect(again.findings).toEqual([]);
    expect(ids(again)).toEqual([]);
    expect(again.blastRadius).toEqual([]);
    expect(again.operation).toBe('change');
  });
});
