import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { OneTimeCodes } from '../../application/accounts/one-time-codes.js';
import type { People } from '../../application/accounts/people.js';
import type { Account } from '../../domain/account/account.js';
import { Acts } from '../acts.js';
import {
  AccountDto,
  ChangeAccountDto,
  CreateAccountDto,
  NewAccountDto,
  TemporaryPasswordDto,
  toAccountDto,
} from '../dto/accounts.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { ONE_TIME_CODES, PEOPLE } from '../tokens.js';

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
  async change(@Param('id') id: string, @Body() { roles, ...rest }: ChangeAccountDto): Promise<AccountDto> {
    return await this.#toDto(await this.people.change(id, { ...rest, ...(roles ? { grants: roles } : {}) }));
  }

  @Post(':id/password-reset')
  @HttpCode(200)
  @Acts('account.password_reset', 'param:id')
  @ApiOkResponse({ type: TemporaryPasswordDto })
  async resetPassword(@Param('id') id: string): Promise<TemporaryPasswordDto> {
    return { temporaryPassword: await this.people.resetPassword(id) };
  }

  @Delete(':id')
  @HttpCode(204)
  @Acts('account.removed', 'param:id')
  @ApiNoContentResponse()
  async remove(@Param('id') id: string): Promise<void> {
    await this.people.remove(id);
  }

  async #toDto(account: Account): Promise<AccountDto> {
    return toAccountDto(account, await this.codes.isOn(account.id));
  }
}
