import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Req } from '@nestjs/common';
import { ApiDefaultResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import type { ConfirmSelf } from '../../application/accounts/confirm-self.js';
import type { OneTimeCodes } from '../../application/accounts/one-time-codes.js';
import type { People } from '../../application/accounts/people.js';
import type { SecondFactors } from '../../application/accounts/second-factors.js';
import type { OpenSession, Sessions } from '../../application/accounts/sessions.js';
import { Acts, Login } from '../acts.js';
import { originOf } from '../at-the-door.js';
import {
  AccountDto,
  AuthenticatorDto,
  ChangeOwnAccountDto,
  ChoosePasswordDto,
  CodeDto,
  OwnSessionDto,
  RecoveryCodesDto,
  toAccountDto,
} from '../dto/accounts.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { CONFIRM_SELF, ONE_TIME_CODES, PEOPLE, SECOND_FACTORS, SESSIONS } from '../tokens.js';

/** What people do about themselves. */
@ApiTags('account')
@ApiDefaultResponse({ type: ProblemDto })
@Needs('account')
@Controller('account')
export class AccountController {
  constructor(
    @Inject(PEOPLE) private readonly people: People,
    @Inject(SESSIONS) private readonly sessions: Sessions,
    @Inject(ONE_TIME_CODES) private readonly codes: OneTimeCodes,
    @Inject(SECOND_FACTORS) private readonly factors: SecondFactors,
    @Inject(CONFIRM_SELF) private readonly self: ConfirmSelf,
  ) {}

  @Patch()
  @Acts('account.changed')
  @ApiOkResponse({ type: AccountDto })
  async change(@Body() body: ChangeOwnAccountDto, @Login() login: OpenSession): Promise<AccountDto> {
    const { account } = login;
    // Whoever could turn it away would keep from the owner what is told to them.
    if (body.email !== undefined && (body.email ?? undefined) !== account.email) await this.self.demand(login);
    return toAccountDto(await this.people.change(account.id, body), await this.factors.of(account.id));
  }

  @Post('password')
  @HttpCode(204)
  @Acts('account.password_chosen')
  @ApiNoContentResponse({ description: 'All other sessions of the account are over.' })
  async choosePassword(
    @Body() body: ChoosePasswordDto,
    @Login() login: OpenSession,
    @Req() request: Request,
  ): Promise<void> {
    const { account, session } = login;
    await this.self.byPassword(login, body.current, originOf(request), 'current');
    await this.people.choosePassword(account.id, body.current, body.new, session.id);
  }

  @Post('totp')
  @HttpCode(200)
  @Acts('account.totp_begun')
  @ApiOkResponse({ type: AuthenticatorDto })
  async beginTotp(@Login() login: OpenSession): Promise<AuthenticatorDto> {
    await this.self.demand(login);
    const { account } = login;
    return await this.codes.begin(account.id, account.name);
  }

  @Post('totp/confirm')
  @HttpCode(200)
  @Acts('account.totp_confirmed')
  @ApiOkResponse({
    type: RecoveryCodesDto,
    description: 'Recovery codes are empty where the account has some already.',
  })
  async confirmTotp(@Body() { code }: CodeDto, @Login() { account }: OpenSession): Promise<RecoveryCodesDto> {
    await this.codes.confirm(account.id, code);
    return { recoveryCodes: [...(await this.factors.added(account.id))] };
  }

  @Post('totp/remove')
  @HttpCode(204)
  @Acts('account.totp_removed')
  @ApiNoContentResponse()
  async removeTotp(@Login() login: OpenSession): Promise<void> {
    await this.self.demand(login);
    await this.codes.remove(login.account.id);
    await this.factors.removed(login.account.id);
  }

  @Get('sessions')
  @ApiOkResponse({ type: [OwnSessionDto] })
  async listSessions(@Login() { account, session }: OpenSession): Promise<OwnSessionDto[]> {
    const own = await this.sessions.list(account.id);
    return own.map(({ id, createdAt, lastSeenAt, address, userAgent }) => ({
      id,
      current: id === session.id,
      createdAt,
      lastSeenAt,
      address,
      userAgent,
    }));
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  @Acts('session.closed', 'param:id')
  @ApiNoContentResponse()
  async closeSession(@Param('id') id: string, @Login() { account }: OpenSession): Promise<void> {
    await this.sessions.close(account.id, id);
  }
}
