import { Body, Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import { IsBoolean, IsString, Length } from 'class-validator';
import type { Response } from 'express';
import type { ConfirmSelf } from '../../application/accounts/confirm-self.js';
import type { DeviceLogIn } from '../../application/accounts/device-log-in.js';
import type { OpenSession, Sessions } from '../../application/accounts/sessions.js';
import { Acts, Login, type PrincipalRequest } from '../acts.js';
import { letIn, originOf } from '../at-the-door.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { publicAddress } from '../public-address.js';
import { CONFIRM_SELF, DEVICE_LOG_IN, PUBLIC_URL, SESSIONS } from '../tokens.js';

class DeviceLogInDto {
  @ApiProperty({ description: 'For the program alone.' }) deviceCode!: string;
  @ApiProperty({ description: 'For the person: compared, or typed.', example: 'BCDF-GHJK' }) userCode!: string;
  @ApiProperty({ description: 'The page on which it is confirmed.' }) url!: string;
  @ApiProperty() expiresAt!: number;
  @ApiProperty({ description: 'Ask again no sooner than after so many ms.' }) intervalMs!: number;
}

class DeviceCodeDto {
  @ApiProperty() @IsString() @Length(20, 100) deviceCode!: string;
}

class DeviceSessionDto {
  @ApiProperty({ description: 'Goes into X-CSRF-Token; the session itself comes as a cookie.' }) csrfToken!: string;
  @ApiProperty() name!: string;
  @ApiProperty() displayName!: string;
}

class DeviceQueryDto {
  @ApiProperty() @IsString() @Length(1, 40) code!: string;
}

class WaitingDeviceDto {
  @ApiProperty() address!: string;
  @ApiProperty() userAgent!: string;
  @ApiProperty() createdAt!: number;
  @ApiProperty() expiresAt!: number;
}

class AnswerDeviceDto {
  @ApiProperty({ example: 'BCDF-GHJK' }) @IsString() @Length(1, 40) code!: string;
  @ApiProperty({ description: 'false: refuse it.' }) @IsBoolean() confirm!: boolean;
}

const INTERVAL_MS = 2_000;

/** Log-in at a terminal, confirmed in a browser. */
@ApiTags('session')
@ApiDefaultResponse({ type: ProblemDto })
@Controller()
export class DevicesController {
  constructor(
    @Inject(DEVICE_LOG_IN) private readonly devices: DeviceLogIn,
    @Inject(SESSIONS) private readonly sessions: Sessions,
    @Inject(CONFIRM_SELF) private readonly self: ConfirmSelf,
    @Inject(PUBLIC_URL) private readonly publicUrl: string | undefined,
  ) {}

  @Post('session/device')
  @Needs('anonymous')
  @Acts('session.device_begun')
  @ApiCreatedResponse({ type: DeviceLogInDto })
  async begin(@Req() request: PrincipalRequest): Promise<DeviceLogInDto> {
    request.actSubject = 'a terminal';
    const { deviceCode, userCode, expiresAt } = await this.devices.begin(originOf(request));
    const base = publicAddress(request, this.publicUrl).href.replace(/\/$/, '');
    return { deviceCode, userCode, url: `${base}/device?code=${userCode}`, expiresAt, intervalMs: INTERVAL_MS };
  }

  @Post('session/device/finish')
  @HttpCode(200)
  @Needs('anonymous')
  @Acts('session.opened')
  @ApiOkResponse({ type: DeviceSessionDto, description: 'auth.pending until somebody has confirmed.' })
  async finish(
    @Body() { deviceCode }: DeviceCodeDto,
    @Req() request: PrincipalRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<DeviceSessionDto> {
    request.actSubject = 'a terminal';
    const login = await this.devices.finish(deviceCode, originOf(request));
    request.actSubject = login.account.name;
    letIn(request, response, login);
    const { name, displayName } = login.account;
    return { csrfToken: this.sessions.csrfToken(login.token), name, displayName };
  }

  @Get('account/devices')
  @Needs('account')
  @ApiOkResponse({ type: WaitingDeviceDto })
  async show(
    @Query() { code }: DeviceQueryDto,
    @Login() { account }: OpenSession,
    @Req() request: PrincipalRequest,
  ): Promise<WaitingDeviceDto> {
    const { address, userAgent, createdAt, expiresAt } = await this.devices.show(code, account, originOf(request));
    return { address, userAgent, createdAt, expiresAt };
  }

  @Post('account/devices')
  @HttpCode(204)
  @Needs('account')
  @Acts('account.device_answered')
  @ApiNoContentResponse()
  async answer(
    @Body() { code, confirm }: AnswerDeviceDto,
    @Login() login: OpenSession,
    @Req() request: PrincipalRequest,
  ): Promise<void> {
    request.actSubject = confirm ? 'confirmed' : 'refused';
    if (confirm) await this.self.demand(login);
    await this.devices.answer(code, login, originOf(request), confirm);
  }
}
