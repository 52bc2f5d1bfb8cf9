import 'reflect-metadata';
import { Body, Controller, type INestApplication, Module, Param, Post } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import type { AuditAct } from '../domain/audit/audit-chain.js';
import { Refusal } from '../domain/problem.js';
import { AccessGuard } from './access-guard.js';
import { Actor, Acts, AuditInterceptor } from './acts.js';
import { furnish } from './api.js';
import { ApplyRequestDto } from './dto/requests.js';
import { Needs } from './needs.js';
import {
  API_TOKEN,
  API_TOKENS,
  AUDIT_LOG,
  FAILED_ADDRESSES,
  PLAN_STORE,
  RUN_STORE,
  SESSIONS,
  STACK_STORE,
} from './tokens.js';

const written: AuditAct[] = [];

@Controller('things')
class ThingsController {
  @Post(':id/do')
  @Needs('operator', { site: 'run' })
  @Acts('thing.done', 'param:id')
  act(@Param('id') id: string, @Actor() actor: string, @Body() body: { secret?: string }): object {
    if (id === 'waiting')
      throw new Refusal({ code: 'auth.pending', subject: id, message: 'Not yet.', remedy: 'Wait.' });
    if (id === 'broken') throw new Error('a fault with a s3cret in it');
    if (id === 'no')
      throw new Refusal({ code: 'conflict', subject: id, message: `No ${body.secret}.`, remedy: 'Wait.' });
    return { site: 'town', actor };
  }

  @Post('guessed')
  @Needs('anonymous')
  @Acts('thing.guessed')
  guessed(): never {
    throw new Refusal({ code: 'auth.wrong', subject: 'x', message: 'Wrong.', remedy: 'Try again.' });
  }

  @Post('broken')
  @Needs('anonymous')
  @Acts('thing.broken')
  broken(): never {
    throw new Error('ours');
  }

  @Post('checked')
  @Needs('operator')
  @Acts('thing.checked')
  checked(@Body() body: ApplyRequestDto): object {
    return body;
  }

  @Post('forgotten')
  @Acts('thing.forgotten')
  forgotten(): object {
    return {};
  }
}

@Module({
  controllers: [ThingsController],
  providers: [
    { provide: API_TOKEN, useValue: 'right' },
    { provide: AUDIT_LOG, useValue: { append: async (act: AuditAct) => void written.push(act) } },
    { provide: API_TOKENS, useValue: { find: async () => undefined } },
    {
      provide: FAILED_ADDRESSES,
      useValue: { waitMs: async () => 0, failed: async () => {}, isKnown: () => false, proved: () => {} },
    },
    { provide: SESSIONS, useValue: { find: async () => undefined } },
    { provide: RUN_STORE, useValue: { head: async () => undefined } },
    { provide: PLAN_STORE, useValue: {} },
    { provide: STACK_STORE, useValue: {} },
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
})
class SmallModule {}

describe('acts through the API', () => {
  let app: INestApplication;
  let url: string;
  beforeAll(async () => {
    app = await NestFactory.create(SmallModule, { logger: false });
    furnish(app);
    await app.listen(0, '127.0.0.1');
    url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  });
  afterAll(() => app.close());
  beforeEach(() => {
    written.length = 0;
  });
  const post = (path: string, body: object = {}, token = 'right'): Promise<Response> =>
    fetch(`${url}/api/v1/things/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('are written when they end in a fault too, without what the fault said', async () => {
    expect((await post('broken/do')).status).toBe(500);
    expect(written).toEqual([
      expect.objectContaining({ action: 'thing.done', outcome: 'failed', details: { code: 'internal' } }),
    ]);
    expect(JSON.stringify(written)).not.toContain('s3cret');
  });

  it('are written with who, what, where from and on which site', async () => {
    expect(await (await post('x/do')).json()).toEqual({ site: 'town', actor: 'local' });
    expect(written).toEqual([
      expect.objectContaining({
        actor: 'local',
        actorKind: 'local',
        address: '127.0.0.1',
        action: 'thing.done',
        subject: 'x',
        site: 'town',
        outcome: 'done',
      }),
    ]);
  });

  it('are written when they are refused too, with the code and nothing of the body', async () => {
    expect((await post('no/do', { secret: 'hunter2' })).status).toBe(409);
    expect(written).toEqual([expect.objectContaining({ outcome: 'refused', details: { code: 'conflict' } })]);
    expect(JSON.stringify(written)).not.toContain('hunter2');
  });

  it('are not written as long as somebody only asks whether it is time yet', async () => {
    expect((await post('waiting/do')).status).toBe(409);
    expect(written).toEqual([]);
  });

  it('of strangers who go on and on fill no disk; how many were left out is told', async () => {
    const rows = async (times: number, token: string, what = 'guessed'): Promise<number> => {
      written.length = 0;
      for (let at = 0; at < times; at += 1) await post(what, {}, token);
      return written.length;
    };
    expect(await rows(120, 'wrong')).toBe(50);
    expect(await rows(120, 'right')).toBe(120);
    // Neither do those who find what makes us fail.
    expect(await rows(10, 'wrong', 'broken')).toBe(0);
  });

  it('name the fields of a body that is wrong', async () => {
    const answer = (await (await post('checked', { hash: 'short', more: 1 })).json()) as any;
    expect(answer.details.fields.map((one: any) => one.field).sort()).toEqual(['hash', 'more']);
  });

  it('are answered with headers that keep a browser from making a page of them', async () => {
    for (const answer of [await post('x/do'), await post('x/do', {}, 'wrong')]) {
      expect(answer.headers.get('content-security-policy')).toBe(
        "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
      );
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('x-powered-by')).toBeNull();
    }
  });

  it('do not happen without the token, nor at an endpoint that forgot to say what it needs', async () => {
    expect((await post('x/do', {}, 'wrong')).status).toBe(401);
    expect((await post('forgotten')).status).toBe(500);
    expect(written).toEqual([]);
  });
});
