import { Body, Controller, Delete, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiDefaultResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { LogIn } from '../../application/accounts/log-in.js';
import type { OneTimeCodes } from '../../application/accounts/one-time-codes.js';
import type { People } from '../../application/accounts/people.js';
import type { OpenSession, Origin, Sessions } from '../../application/accounts/sessions.js';
import { Acts, type PrincipalRequest } from '../acts.js';
import { LogInDto, SessionDto, SetUpDto, toAccountDto } from '../dto/accounts.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { giveSessionCookie, takeSessionCookie } from '../session-cookie.js';
import { LOG_IN, ONE_TIME_CODES, PEOPLE, SESSIONS } from '../tokens.js';

/** Log-in and log-out of browsers. Open to everybody: who is who is what they are for. */
@ApiTags('session')
@ApiDefaultResponse({ type: ProblemDto })
@Needs('anonymous')
@Controller()
export class SessionController {
  constructor(
    @Inject(SESSIONS) private readonly sessions: Sessions,
    @Inject(LOG_IN) private readonly logIn: LogIn,
    @Inject(PEOPLE) private readonly people: People,
    @Inject(ONE_TIME_CODES) private readonly codes: OneTimeCodes,
  ) {}

  @Get('session')
  @ApiOkResponse({ type: SessionDto })
  async show(@Req() request: PrincipalRequest): Promise<SessionDto> {
    const login = request.principal?.login;
    return login ? await this.#toDto(login) : { firstRun: await this.people.isFirstRun() };
  }

  @Post('session')
  @Acts('session.opened')
  @ApiCreatedResponse({ type: SessionDto })
  async open(
    @Body() body: LogInDto,
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionDto> {
    request.actSubject = (await this.logIn.knownName(body.name)) ?? 'an unknown name';
    const before = request.principal?.login?.session;
    return await this.#give(request, response, await this.logIn.open(body, originOf(request), before));
  }

  /** Also without a session: whoever asks is logged out afterwards. */
  @Delete('session')
  @HttpCode(204)
  @Acts('session.closed')
  @ApiNoContentResponse()
  async close(@Req() request: PrincipalRequest, @Res({ passthrough: true }) response: Response): Promise<void> {
    const login = request.principal?.login;
    takeSessionCookie(request, response);
    request.actSubject = login?.account.name ?? 'nobody';
    if (login) await this.sessions.close(login.account.id, login.session.id);
  }

  @Post('setup/admin')
  @Acts('account.first_created')
  @ApiCreatedResponse({ type: SessionDto })
  async setUp(
    @Body() { code, ...person }: SetUpDto,
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionDto> {
    const account = await this.people.setUp(code, person);
    request.actSubject = account.name;
    return await this.#give(request, response, await this.sessions.open(account, originOf(request)));
  }

  async #give(request: PrincipalRequest, response: Response, login: OpenSession): Promise<SessionDto> {
    const { account } = login;
    request.principal = { name: account.name, kind: 'account', grants: account.grants, login };
    giveSessionCookie(request, response, login.token, login.session.expiresAt);
    return await this.#toDto(login);
  }

  async #toDto({ account, session, token }: OpenSession): Promise<SessionDto> {
    return {
      account: toAccountDto(account, await this.codes.isOn(account.id)),
      csrfToken: this.sessions.csrfToken(token),
      expiresAt: session.expiresAt,
      firstRun: false,
    };
  }
}

const originOf = (request: PrincipalRequest): Origin => ({
  address: request.ip ?? '',
  userAgent: request.headers['user-agent'] ?? '',
});
