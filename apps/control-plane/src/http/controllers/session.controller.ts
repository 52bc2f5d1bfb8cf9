import { Body, Controller, Delete, Get, Header, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { IdentityProviders } from '../../application/accounts/identity-providers.js';
import type { LogIn } from '../../application/accounts/log-in.js';
import type { People } from '../../application/accounts/people.js';
import type { ProviderLogIn } from '../../application/accounts/provider-log-in.js';
import type { SecondFactors } from '../../application/accounts/second-factors.js';
import type { OpenSession, Sessions } from '../../application/accounts/sessions.js';
import type { JsonObject } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import { Acts, type PrincipalRequest } from '../acts.js';
import { doorOf, letIn, originOf, remember, travellerOf } from '../at-the-door.js';
import { EndedSessionDto, LogInDto, SessionDto, SetUpDto, toAccountDto } from '../dto/accounts.js';
import { PasskeyAnswerDto, PasskeyQuestionDto } from '../dto/passkeys.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { passkeyPlace, publicAddress } from '../public-address.js';
import { takeSessionCookie } from '../session-cookie.js';
import {
  IDENTITY_PROVIDERS,
  LOG_IN,
  PEOPLE,
  PROVIDER_LOG_IN,
  PUBLIC_URL,
  SECOND_FACTORS,
  SESSIONS,
} from '../tokens.js';

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
    @Inject(SECOND_FACTORS) private readonly factors: SecondFactors,
    @Inject(IDENTITY_PROVIDERS) private readonly providers: IdentityProviders,
    @Inject(PROVIDER_LOG_IN) private readonly providerLogIn: ProviderLogIn,
    @Inject(PUBLIC_URL) private readonly publicUrl: string | undefined,
  ) {}

  @Get('session')
  @ApiOkResponse({ type: SessionDto })
  async show(@Req() request: PrincipalRequest): Promise<SessionDto> {
    const login = request.principal?.login;
    if (login) return await this.#toDto(login);
    return { firstRun: await this.people.isFirstRun(), providers: await this.#buttons() };
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
    const traveller = travellerOf(request);
    const { passkey, ...typed } = body;
    const given = { ...typed, ...(passkey ? { passkey: passkey as JsonObject } : {}) };
    try {
      const login = await this.logIn.open(given, doorOf(request, traveller, this.publicUrl), before);
      return await this.#give(request, response, login);
    } catch (error) {
      // The question for a passkey is this browser's to answer.
      if (error instanceof Refusal && error.problem.details?.['passkey']) remember(request, response, traveller);
      throw error;
    }
  }

  /** A question that whichever passkey the person chooses answers. */
  @Get('session/passkey')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: PasskeyQuestionDto })
  async askPasskey(
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PasskeyQuestionDto> {
    const place = passkeyPlace(request, this.publicUrl);
    const traveller = travellerOf(request);
    const options = await this.logIn.askPasskey(traveller.holder, place);
    remember(request, response, traveller);
    return { origin: place.origin, options };
  }

  /** Log-in by a passkey alone: no name, no password. */
  @Post('session/passkey')
  @Acts('session.opened')
  @ApiCreatedResponse({ type: SessionDto })
  async openByPasskey(
    @Body() body: PasskeyAnswerDto,
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionDto> {
    request.actSubject = 'a passkey';
    const place = passkeyPlace(request, this.publicUrl);
    const door = { ...doorOf(request, travellerOf(request), this.publicUrl), place };
    const before = request.principal?.login?.session;
    const login = await this.logIn.openByPasskey(body.response as JsonObject, door, before);
    request.actSubject = login.account.name;
    return await this.#give(request, response, login);
  }

  /** Also without a session: whoever asks is logged out afterwards. */
  @Delete('session')
  @Acts('session.closed')
  @ApiOkResponse({ type: EndedSessionDto })
  async close(
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<EndedSessionDto> {
    const login = request.principal?.login;
    takeSessionCookie(request, response);
    request.noAct = login === undefined;
    if (!login) return {};
    request.actSubject = login.account.name;
    await this.sessions.close(login.account.id, login.session.id);
    const home = publicAddress(request, this.publicUrl).href.replace(/\/$/, '');
    const endSessionUrl = await this.providerLogIn.endSession(login.session, `${home}/login`);
    return endSessionUrl === undefined ? {} : { endSessionUrl };
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
    letIn(request, response, login);
    return await this.#toDto(login);
  }

  async #toDto({ account, session, token }: OpenSession): Promise<SessionDto> {
    return {
      account: toAccountDto(account, await this.factors.of(account.id)),
      csrfToken: this.sessions.csrfToken(token),
      expiresAt: session.expiresAt,
      hasPassword: await this.people.hasPassword(account.id),
      providers: await this.#buttons(),
      firstRun: false,
    };
  }

  async #buttons(): Promise<SessionDto['providers']> {
    const open = (await this.providers.list()).filter(({ enabled }) => enabled);
    return open.map(({ id, name }) => ({ id, name }));
  }
}
