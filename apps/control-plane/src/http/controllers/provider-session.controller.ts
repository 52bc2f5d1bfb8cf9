import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  UseFilters,
} from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';
import type { ConfirmSelf } from '../../application/accounts/confirm-self.js';
import type { IdentityProviders } from '../../application/accounts/identity-providers.js';
import type { ProviderLogIn } from '../../application/accounts/provider-log-in.js';
import type { ProviderLogOut } from '../../application/accounts/provider-log-out.js';
import type { OpenSession } from '../../application/accounts/sessions.js';
import { Acts, Login, type PrincipalRequest } from '../acts.js';
import { letIn, originOf, ownPath, remember, travellerOf } from '../at-the-door.js';
import { IdentityLinkDto, JourneyDto } from '../dto/identity-providers.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { fixedAddress } from '../public-address.js';
import { ReturnFilter } from '../return-filter.js';
import { CONFIRM_SELF, IDENTITY_PROVIDERS, PROVIDER_LOG_IN, PROVIDER_LOG_OUT, PUBLIC_URL } from '../tokens.js';

/** The one address that providers send people back to. */
export const redirectUri = (base: string): string => `${base}/api/v1/session/providers/return`;

/** Where a provider says that somebody signed out there. */
export const logoutUri = (base: string, id: string): string => `${base}/api/v1/session/providers/${id}/logout`;

const SEE_OTHER = 303;

/** Log-in through an identity provider: away, and back. Pages of a browser, so refusals lead to the log-in page. */
@ApiTags('session')
@ApiDefaultResponse({ type: ProblemDto })
@Controller()
export class ProviderSessionController {
  constructor(
    @Inject(PROVIDER_LOG_IN) private readonly logIn: ProviderLogIn,
    @Inject(PROVIDER_LOG_OUT) private readonly logOut: ProviderLogOut,
    @Inject(IDENTITY_PROVIDERS) private readonly providers: IdentityProviders,
    @Inject(CONFIRM_SELF) private readonly self: ConfirmSelf,
    @Inject(PUBLIC_URL) private readonly publicUrl: string | undefined,
  ) {}

  @Get('session/providers/:id/start')
  @Needs('anonymous')
  @UseFilters(ReturnFilter)
  @Header('cache-control', 'no-store')
  @Redirect(undefined, SEE_OTHER)
  @ApiResponse({
    status: SEE_OTHER,
    description: 'To the provider; back to the log-in page where that is not possible.',
  })
  async start(
    @Param('id') id: string,
    @Query('next') next: string | undefined,
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ url: string }> {
    const traveller = travellerOf(request);
    const about = { redirectUri: redirectUri(fixedAddress(request, this.publicUrl)), next: ownPath(next) };
    const url = await this.logIn.begin(id, traveller, about);
    remember(request, response, traveller);
    return { url };
  }

  @Get('session/providers/return')
  @Needs('anonymous')
  @UseFilters(ReturnFilter)
  @Acts('session.opened')
  @Header('cache-control', 'no-store')
  @Redirect(undefined, SEE_OTHER)
  @ApiResponse({ status: SEE_OTHER, description: 'To the page that was asked for, or to the log-in page.' })
  async return(
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ url: string }> {
    request.actSubject = 'somebody from an identity provider';
    const base = fixedAddress(request, this.publicUrl);
    const answer = new URL(request.originalUrl, 'http://here').searchParams;
    const before = request.principal?.login;
    const arrival = await this.logIn.finish(answer, travellerOf(request), originOf(request), before);
    if ('login' in arrival) {
      letIn(request, response, arrival.login);
      request.actSubject = arrival.login.account.name;
    } else request.actSubject = `link of ${arrival.linked.name} to ${arrival.provider.name}`;
    return { url: base + arrival.next };
  }

  /** The provider itself says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0). */
  @Post('session/providers/:id/logout')
  @HttpCode(204)
  @Needs('anonymous')
  @Acts('session.ended_by_provider')
  @Header('cache-control', 'no-store')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ schema: { type: 'object', properties: { logout_token: { type: 'string' } }, required: ['logout_token'] } })
  @ApiNoContentResponse({ description: 'The sessions that are meant are over.' })
  async endedThere(
    @Param('id') id: string,
    @Body('logout_token') token: unknown,
    @Req() request: PrincipalRequest,
  ): Promise<void> {
    request.actSubject = 'somebody from an identity provider';
    const { provider, account, ended } = await this.logOut.execute(id, typeof token === 'string' ? token : '');
    request.actSubject = `${account ?? 'a session'} at ${provider}`;
    request.noAct = ended === 0;
  }

  @Get('account/links')
  @Needs('account')
  @ApiOkResponse({ type: [IdentityLinkDto] })
  async listLinks(@Login() { account }: OpenSession): Promise<IdentityLinkDto[]> {
    const names = new Map((await this.providers.list()).map(({ id, name }) => [id, name]));
    return (await this.logIn.linksOf(account.id)).map(({ provider, createdAt, lastUsedAt }) => ({
      provider,
      name: names.get(provider) ?? provider,
      createdAt,
      ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
    }));
  }

  /** Begins to link one's own account to the person one is at the provider. */
  @Post('account/links/:id')
  @HttpCode(200)
  @Needs('account')
  @Acts('account.link_begun', 'param:id')
  @ApiOkResponse({ type: JourneyDto })
  async link(
    @Param('id') id: string,
    @Login() login: OpenSession,
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<JourneyDto> {
    await this.self.demand(login);
    const traveller = travellerOf(request);
    const base = fixedAddress(request, this.publicUrl);
    const url = await this.logIn.begin(id, traveller, {
      redirectUri: redirectUri(base),
      next: '/settings/account',
      link: login,
    });
    remember(request, response, traveller);
    return { url };
  }

  @Post('account/links/:id/remove')
  @HttpCode(204)
  @Needs('account')
  @Acts('account.link_removed', 'param:id')
  @ApiNoContentResponse()
  async unlink(@Param('id') id: string, @Login() login: OpenSession): Promise<void> {
    await this.self.demand(login);
    await this.logIn.unlink(login.account, id);
  }
}
