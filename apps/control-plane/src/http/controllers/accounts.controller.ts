import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Req } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { OneTimeCodes } from '../../application/accounts/one-time-codes.js';
import type { Passkeys } from '../../application/accounts/passkeys.js';
import type { People } from '../../application/accounts/people.js';
import type { SecondFactors } from '../../application/accounts/second-factors.js';
import type { Account } from '../../domain/account/account.js';
import type { Grant } from '../../domain/account/roles.js';
import { Acts, type PrincipalRequest } from '../acts.js';
import {
  AccountDto,
  ChangeAccountDto,
  CreateAccountDto,
  NewAccountDto,
  TemporaryPasswordDto,
  toAccountDto,
} from '../dto/accounts.js';
import { PasskeyDto, toPasskeyDto } from '../dto/passkeys.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { ONE_TIME_CODES, PASSKEYS, PEOPLE, SECOND_FACTORS } from '../tokens.js';

/** People, as admins see them. */
@ApiTags('accounts')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('admin', { site: 'all' })
@Controller('accounts')
export class AccountsController {
  constructor(
    @Inject(PEOPLE) private readonly people: People,
    @Inject(ONE_TIME_CODES) private readonly codes: OneTimeCodes,
    @Inject(PASSKEYS) private readonly passkeys: Passkeys,
    @Inject(SECOND_FACTORS) private readonly factors: SecondFactors,
  ) {}

  @Get()
  @ApiOkResponse({ type: [AccountDto] })
  async list(): Promise<AccountDto[]> {
    return await Promise.all((await this.people.list()).map((account) => this.#toDto(account)));
  }

  @Post()
  @Acts('account.created', 'body:name')
  @ApiCreatedResponse({ type: NewAccountDto })
  async create(@Body() { roles, ...person }: CreateAccountDto): Promise<NewAccountDto> {
    const { temporaryPassword, ...account } = await this.people.create({ ...person, grants: roles });
    return { ...(await this.#toDto(account)), ...(temporaryPassword ? { temporaryPassword } : {}) };
  }

  @Patch(':id')
  @Acts('account.changed', 'param:id')
  @ApiOkResponse({ type: AccountDto })
  async change(
    @Param('id') id: string,
    @Body() { roles, ...rest }: ChangeAccountDto,
    @Req() request: PrincipalRequest,
  ): Promise<AccountDto> {
    await this.#name(id, request, saysOf(roles, rest.disabled));
    return await this.#toDto(await this.people.change(id, { ...rest, ...(roles ? { grants: roles } : {}) }));
  }

  @Post(':id/password-reset')
  @HttpCode(200)
  @Acts('account.password_reset', 'param:id')
  @ApiOkResponse({ type: TemporaryPasswordDto })
  async resetPassword(@Param('id') id: string, @Req() request: PrincipalRequest): Promise<TemporaryPasswordDto> {
    await this.#name(id, request);
    return { temporaryPassword: await this.people.resetPassword(id) };
  }

  /** Names and times; a passkey itself never leaves its device. */
  @Get(':id/passkeys')
  @ApiOkResponse({ type: [PasskeyDto] })
  async listPasskeys(@Param('id') id: string): Promise<PasskeyDto[]> {
    return (await this.passkeys.list(id)).map(toPasskeyDto);
  }

  /** For somebody who lost it. */
  @Delete(':id/passkeys/:passkey')
  @HttpCode(204)
  @Acts('account.passkey_taken', 'param:id')
  @ApiNoContentResponse()
  async takePasskey(
    @Param('id') id: string,
    @Param('passkey') passkey: string,
    @Req() request: PrincipalRequest,
  ): Promise<void> {
    await this.#name(id, request);
    await this.passkeys.remove(id, passkey);
  }

  /** For somebody who lost it. */
  @Delete(':id/totp')
  @HttpCode(204)
  @Acts('account.totp_taken', 'param:id')
  @ApiNoContentResponse()
  async takeTotp(@Param('id') id: string, @Req() request: PrincipalRequest): Promise<void> {
    await this.#name(id, request);
    await this.codes.remove(id);
    await this.factors.removed(id);
  }

  @Delete(':id')
  @HttpCode(204)
  @Acts('account.removed', 'param:id')
  @ApiNoContentResponse()
  async remove(@Param('id') id: string, @Req() request: PrincipalRequest): Promise<void> {
    await this.#name(id, request);
    await this.people.remove(id);
  }

  /** Who reads the audit knows people by their names, also when they are gone. */
  async #name(id: string, request: PrincipalRequest, what = ''): Promise<void> {
    request.actSubject = `${(await this.people.get(id)).name}${what}`;
  }

  async #toDto(account: Account): Promise<AccountDto> {
    return toAccountDto(account, await this.factors.of(account.id));
  }
}

/** What an admin changes that matters later. */
function saysOf(roles: readonly Grant[] | undefined, disabled: boolean | undefined): string {
  const given = roles?.map(({ role, site }) => (site === null ? role : `${role}@${site}`)).join(', ');
  return [
    ...(given === undefined ? [] : [`: ${given || 'no role'}`]),
    ...(disabled === undefined ? [] : [disabled ? ', disabled' : ', enabled']),
  ].join('');
}
