import { Body, Controller, Get, Header, HttpCode, Inject, Param, Patch, Post, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiDefaultResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { ConfirmSelf } from '../../application/accounts/confirm-self.js';
import type { Passkeys } from '../../application/accounts/passkeys.js';
import type { RecoveryCodes } from '../../application/accounts/recovery-codes.js';
import type { OpenSession } from '../../application/accounts/sessions.js';
import type { JsonObject } from '../../domain/ids.js';
import { Acts, Login, type PrincipalRequest } from '../acts.js';
import { originOf } from '../at-the-door.js';
import { RecoveryCodesDto } from '../dto/accounts.js';
import {
  AddedPasskeyDto,
  ConfirmDto,
  NewPasskeyDto,
  PasskeyDto,
  PasskeyNameDto,
  PasskeyQuestionDto,
  toPasskeyDto,
} from '../dto/passkeys.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { passkeyPlace } from '../public-address.js';
import { CONFIRM_SELF, PASSKEYS, PUBLIC_URL, RECOVERY_CODES } from '../tokens.js';

/** How people protect their own accounts. What changes that wants them to have proven themselves lately (`auth.confirm`). */
@ApiTags('account')
@ApiDefaultResponse({ type: ProblemDto })
@Needs('account')
@Controller('account')
export class PasskeysController {
  constructor(
    @Inject(PASSKEYS) private readonly passkeys: Passkeys,
    @Inject(RECOVERY_CODES) private readonly recovery: RecoveryCodes,
    @Inject(CONFIRM_SELF) private readonly self: ConfirmSelf,
    @Inject(PUBLIC_URL) private readonly publicUrl: string | undefined,
  ) {}

  @Get('confirm')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: PasskeyQuestionDto })
  async askToConfirm(@Login() login: OpenSession, @Req() request: PrincipalRequest): Promise<PasskeyQuestionDto> {
    const place = passkeyPlace(request, this.publicUrl);
    return { origin: place.origin, options: await this.self.ask(login, place) };
  }

  @Post('confirm')
  @HttpCode(204)
  @Acts('account.confirmed')
  @ApiNoContentResponse({ description: 'For ten minutes, what changes the account’s protection may be asked for.' })
  async confirm(
    @Body() { password, response }: ConfirmDto,
    @Login() login: OpenSession,
    @Req() request: PrincipalRequest,
  ): Promise<void> {
    const origin = originOf(request);
    if (response)
      await this.self.byPasskey(login, response as JsonObject, passkeyPlace(request, this.publicUrl), origin);
    else await this.self.byPassword(login, password ?? '', origin);
  }

  @Get('passkeys')
  @ApiOkResponse({ type: [PasskeyDto] })
  async list(@Login() { account }: OpenSession): Promise<PasskeyDto[]> {
    return (await this.passkeys.list(account.id)).map(toPasskeyDto);
  }

  @Get('passkeys/new')
  @Header('cache-control', 'no-store')
  @ApiOkResponse({ type: PasskeyQuestionDto })
  async begin(@Login() login: OpenSession, @Req() request: PrincipalRequest): Promise<PasskeyQuestionDto> {
    await this.self.demand(login);
    const place = passkeyPlace(request, this.publicUrl);
    return { origin: place.origin, options: await this.passkeys.begin(login.account, login.session.id, place) };
  }

  @Post('passkeys')
  @Acts('account.passkey_added', 'body:name')
  @ApiCreatedResponse({ type: AddedPasskeyDto })
  async add(
    @Body() { name, response }: NewPasskeyDto,
    @Login() login: OpenSession,
    @Req() request: PrincipalRequest,
  ): Promise<AddedPasskeyDto> {
    await this.self.demand(login);
    const place = passkeyPlace(request, this.publicUrl);
    const made = { name, response: response as JsonObject };
    const { passkey, recoveryCodes } = await this.passkeys.add(login.account, login.session.id, place, made);
    return { ...toPasskeyDto(passkey), recoveryCodes: [...recoveryCodes] };
  }

  @Patch('passkeys/:id')
  @HttpCode(204)
  @Acts('account.passkey_renamed', 'body:name')
  @ApiNoContentResponse()
  async rename(
    @Param('id') id: string,
    @Body() { name }: PasskeyNameDto,
    @Login() { account }: OpenSession,
  ): Promise<void> {
    await this.passkeys.rename(account.id, id, name);
  }

  @Post('passkeys/:id/remove')
  @HttpCode(204)
  @Acts('account.passkey_removed', 'param:id')
  @ApiNoContentResponse()
  async remove(@Param('id') id: string, @Login() login: OpenSession): Promise<void> {
    await this.self.demand(login);
    await this.passkeys.remove(login.account.id, id);
  }

  /** New ones; the old ones work no more. */
  @Post('recovery-codes')
  @HttpCode(200)
  @Acts('account.recovery_made')
  @ApiOkResponse({ type: RecoveryCodesDto })
  async makeRecovery(@Login() login: OpenSession): Promise<RecoveryCodesDto> {
    await this.self.demand(login);
    return { recoveryCodes: [...(await this.recovery.make(login.account.id))] };
  }
}
