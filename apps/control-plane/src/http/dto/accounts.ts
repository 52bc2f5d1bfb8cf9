import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsEmail,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  ValidateNested,
} from 'class-validator';
import type { Factors } from '../../application/accounts/second-factors.js';
import { type Account, LANGUAGES, type Language } from '../../domain/account/account.js';
import { ACCOUNT_ROLES, type AccountRole, type Grant } from '../../domain/account/roles.js';

/** A role on one site, or on all of them. */
export class GrantDto implements Grant {
  @ApiProperty({ enum: ACCOUNT_ROLES }) @IsIn(ACCOUNT_ROLES) role!: AccountRole;
  @ApiProperty({ type: String, nullable: true, description: 'null: all sites, those to come included.' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9-]{1,38}$/)
  site: string | null = null;
}

export class TwoFactorDto {
  @ApiProperty() totp!: boolean;
  @ApiProperty({ description: 'How many passkeys the account has.' }) passkeys!: number;
  @ApiProperty({ description: 'How many recovery codes are left.' }) recoveryCodes!: number;
}

export class AccountDto {
  @ApiProperty() id!: string;
  @ApiProperty() name!: string;
  @ApiProperty() displayName!: string;
  @ApiPropertyOptional() email?: string;
  @ApiPropertyOptional({ enum: LANGUAGES }) language?: Language;
  @ApiProperty({ type: [GrantDto] }) roles!: GrantDto[];
  @ApiProperty() disabled!: boolean;
  @ApiProperty({ description: 'Must choose their own password before anything else.' }) passwordTemporary!: boolean;
  @ApiProperty({ type: TwoFactorDto }) twoFactor!: TwoFactorDto;
  @ApiProperty() createdAt!: number;
  @ApiPropertyOptional() lastSeenAt?: number;
  @ApiPropertyOptional({
    description: 'The identity provider that the account comes from; its roles follow the groups there.',
  })
  origin?: string;
}

export class NewAccountDto extends AccountDto {
  @ApiPropertyOptional({ description: 'Made up because none was given; shown this once.' }) temporaryPassword?: string;
}

export class TemporaryPasswordDto {
  @ApiProperty({ description: 'Shown this once.' }) temporaryPassword!: string;
}

export function toAccountDto({ grants, ...account }: Account, factors: Factors): AccountDto {
  const { totp, passkeys, recoveryCodes } = factors;
  return { ...account, roles: [...grants], twoFactor: { totp, passkeys: passkeys.length, recoveryCodes } };
}

/** A way to sign in through somebody else, for the log-in page. */
export class ProviderButtonDto {
  @ApiProperty() id!: string;
  @ApiProperty() name!: string;
}

export class SessionDto {
  @ApiPropertyOptional({ type: AccountDto, description: 'Absent: nobody is logged in.' }) account?: AccountDto;
  @ApiPropertyOptional({ description: 'Goes into X-CSRF-Token of every request that changes something.' })
  csrfToken?: string;
  @ApiPropertyOptional() expiresAt?: number;
  @ApiPropertyOptional({ description: 'Whether the account has a password here.' }) hasPassword?: boolean;
  @ApiProperty({ type: [ProviderButtonDto], description: 'Identity providers that people may sign in through.' })
  providers!: ProviderButtonDto[];
  @ApiProperty({ description: 'There is no account yet: the first admin is made with the set-up code.' })
  firstRun!: boolean;
}

export class LogInDto {
  @ApiProperty() @IsString() @Length(1, 200) name!: string;
  @ApiProperty({ format: 'password' }) @IsString() @Length(1, 1024) password!: string;
  @ApiPropertyOptional({ description: 'Of the authenticator app, or a recovery code.' })
  @IsOptional()
  @IsString()
  @Length(0, 40)
  code?: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'A passkey’s answer to the question in details.passkey of auth.second_factor.',
  })
  @IsOptional()
  @IsObject()
  passkey?: Record<string, unknown>;
}

/** Where the browser may go to be signed out at the identity provider too. */
export class EndedSessionDto {
  @ApiPropertyOptional() endSessionUrl?: string;
}

/** What people say about themselves. */
class PersonDto {
  @ApiProperty() @IsString() @Length(1, 120) displayName!: string;
  @ApiPropertyOptional() @IsOptional() @IsEmail() email?: string;
  @ApiPropertyOptional({ enum: LANGUAGES }) @IsOptional() @IsIn(LANGUAGES) language?: Language;
}

export class SetUpDto extends PersonDto {
  @ApiProperty({ description: 'Content of the file setup-code in the state folder.' })
  @IsString()
  @Length(1, 200)
  code!: string;
  @ApiProperty() @IsString() @Length(1, 200) name!: string;
  @ApiProperty({ format: 'password' }) @IsString() @Length(1, 1024) password!: string;
}

export class CreateAccountDto extends PersonDto {
  @ApiProperty() @IsString() @Length(1, 200) name!: string;
  @ApiProperty({ type: [GrantDto] })
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => GrantDto)
  roles!: GrantDto[];
  @ApiPropertyOptional({ format: 'password', description: 'Left out: one is made up.' })
  @IsOptional()
  @IsString()
  @Length(1, 1024)
  password?: string;
}

export class ChangeAccountDto {
  @ApiPropertyOptional() @IsOptional() @IsString() @Length(1, 120) displayName?: string;
  @ApiPropertyOptional({ type: String, nullable: true }) @IsOptional() @IsEmail() email?: string | null;
  @ApiPropertyOptional({ type: [GrantDto] })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => GrantDto)
  roles?: GrantDto[];
  @ApiPropertyOptional() @IsOptional() @IsBoolean() disabled?: boolean;
}

export class ChangeOwnAccountDto {
  @ApiPropertyOptional() @IsOptional() @IsString() @Length(1, 120) displayName?: string;
  @ApiPropertyOptional({ type: String, nullable: true }) @IsOptional() @IsEmail() email?: string | null;
  @ApiPropertyOptional({ enum: LANGUAGES }) @IsOptional() @IsIn(LANGUAGES) language?: Language;
}

export class ChoosePasswordDto {
  @ApiProperty({ format: 'password' }) @IsString() @Length(1, 1024) current!: string;
  @ApiProperty({ format: 'password' }) @IsString() @Length(1, 1024) new!: string;
}

export class CodeDto {
  @ApiProperty() @IsString() @Length(1, 40) code!: string;
}

export class AuthenticatorDto {
  @ApiProperty({ description: 'Base32, for typing by hand. Shown this once.' }) secret!: string;
  @ApiProperty({ description: 'otpauth://… for the picture that apps read.' }) uri!: string;
}

export class RecoveryCodesDto {
  @ApiProperty({ type: [String], description: 'Each works once. Shown this once.' }) recoveryCodes!: string[];
}

export class OwnSessionDto {
  @ApiProperty() id!: string;
  @ApiProperty({ description: 'The one that asks.' }) current!: boolean;
  @ApiProperty() createdAt!: number;
  @ApiProperty() lastSeenAt!: number;
  @ApiProperty() address!: string;
  @ApiProperty() userAgent!: string;
}
