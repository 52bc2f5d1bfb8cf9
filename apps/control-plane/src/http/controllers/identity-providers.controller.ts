import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Req } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { IdentityProviders, ProviderSettings } from '../../application/accounts/identity-providers.js';
import type { IdentityProvider } from '../../domain/account/identity-provider.js';
import type { StackId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import { Acts, type PrincipalRequest } from '../acts.js';
import {
  ChangeProviderDto,
  CreateProviderDto,
  ProviderDto,
  ProviderFindingDto,
  ProvidersDto,
  toProviderDto,
} from '../dto/identity-providers.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { fixedAddress } from '../public-address.js';
import { IDENTITY_PROVIDERS, PUBLIC_URL } from '../tokens.js';
import { logoutUri, redirectUri } from './provider-session.controller.js';

/** Identity providers, as admins set them up. */
@ApiTags('identity-providers')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('admin', { site: 'all' })
@Controller('identity-providers')
export class IdentityProvidersController {
  constructor(
    @Inject(IDENTITY_PROVIDERS) private readonly providers: IdentityProviders,
    @Inject(PUBLIC_URL) private readonly publicUrl: string | undefined,
  ) {}

  @Get()
  @ApiOkResponse({ type: ProvidersDto })
  async list(@Req() request: PrincipalRequest): Promise<ProvidersDto> {
    const all = await this.providers.list();
    const providers = await Promise.all(all.map((provider) => this.#toDto(provider)));
    const stacks = (await this.providers.offered()).map((one) => ({ ...one }));
    try {
      const base = fixedAddress(request, this.publicUrl);
      const addressed = providers.map((one) => ({ ...one, backChannelLogoutUri: logoutUri(base, one.id) }));
      return { providers: addressed, stacks, redirectUri: redirectUri(base), postLogoutUri: `${base}/login` };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { providers, stacks, problem: `${error.problem.message} ${error.problem.remedy}` };
    }
  }

  @Post()
  @Acts('provider.created', 'body:name')
  @ApiCreatedResponse({ type: ProviderDto })
  async create(@Body() body: CreateProviderDto): Promise<ProviderDto> {
    return await this.#toDto(await this.providers.create(toSettings(body) as ProviderSettings));
  }

  @Patch(':id')
  @Acts('provider.changed', 'param:id')
  @ApiOkResponse({ type: ProviderDto })
  async change(
    @Param('id') id: string,
    @Body() body: ChangeProviderDto,
    @Req() request: PrincipalRequest,
  ): Promise<ProviderDto> {
    request.actSubject = (await this.providers.get(id)).name;
    return await this.#toDto(await this.providers.change(id, toSettings(body)));
  }

  /** Looks at the provider and asks whether it knows the client; changes nothing. */
  @Post(':id/test')
  @HttpCode(200)
  @Acts('provider.tested', 'param:id')
  @ApiOkResponse({ type: [ProviderFindingDto] })
  async test(@Param('id') id: string, @Req() request: PrincipalRequest): Promise<ProviderFindingDto[]> {
    request.actSubject = (await this.providers.get(id)).name;
    return [...(await this.providers.test(id, redirectUri(fixedAddress(request, this.publicUrl))))];
  }

  @Delete(':id')
  @HttpCode(204)
  @Acts('provider.removed', 'param:id')
  @ApiNoContentResponse()
  async remove(@Param('id') id: string, @Req() request: PrincipalRequest): Promise<void> {
    request.actSubject = (await this.providers.get(id)).name;
    await this.providers.remove(id);
  }

  async #toDto(provider: IdentityProvider): Promise<ProviderDto> {
    return toProviderDto(provider, await this.providers.hasSecret(provider));
  }
}

const toSettings = ({ stack, ...rest }: ChangeProviderDto): Partial<ProviderSettings> => ({
  ...rest,
  ...(stack === undefined ? {} : { stack: stack as StackId }),
});
