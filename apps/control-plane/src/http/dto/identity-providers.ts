import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import type { ProviderFinding } from '../../application/accounts/identity-provider.port.js';
import type { IdentityProvider } from '../../domain/account/identity-provider.js';
import { GrantDto } from './accounts.js';

export class RoleMappingDto extends GrantDto {
  @ApiProperty({ description: 'A group at the provider, written as there.' })
  @IsString()
  @Length(1, 200)
  group!: string;
}

export class CreateProviderDto {
  @ApiProperty({ description: 'On the button of the log-in page.', example: 'Town sign-in' })
  @IsString()
  @Length(1, 60)
  name!: string;
  @ApiPropertyOptional({ example: 'https://auth.town.example', description: 'As the provider itself writes it.' })
  @IsOptional()
  @IsString()
  @Length(1, 500)
  issuer?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() @Length(1, 200) clientId?: string;
  @ApiPropertyOptional({ format: 'password', description: 'Kept in the secret store, never given back.' })
  @IsOptional()
  @IsString()
  @Length(1, 1024)
  clientSecret?: string;
  @ApiPropertyOptional({ type: [String], description: 'Left out: openid profile email groups.' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @Matches(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, { each: true })
  scopes?: string[];
  @ApiPropertyOptional({ description: 'Left out: groups.' })
  @IsOptional()
  @IsString()
  @Length(1, 100)
  groupsClaim?: string;
  @ApiPropertyOptional({ type: [RoleMappingDto] })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(200)
  @ValidateNested({ each: true })
  @Type(() => RoleMappingDto)
  mappings?: RoleMappingDto[];
  @ApiPropertyOptional({
    description: 'Whether people who were never here get an account, where a group gives them a role.',
  })
  @IsOptional()
  @IsBoolean()
  admitsUnknown?: boolean;
  @ApiPropertyOptional() @IsOptional() @IsBoolean() enabled?: boolean;
  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'PEM; the only authority that is then believed. Absent: those of the system.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(100_000)
  caCertificate?: string | null;
  @ApiPropertyOptional({
    description:
      'Id of the stack that binds this control plane to an identity module; issuer and client are those of its binding.',
  })
  @IsOptional()
  @Matches(/^stk_[0-9A-Za-z]{10,40}$/)
  stack?: string;
}

export class ChangeProviderDto extends PartialType(CreateProviderDto) {}

export class ProviderDto {
  @ApiProperty() id!: string;
  @ApiProperty() name!: string;
  @ApiProperty() issuer!: string;
  @ApiProperty() clientId!: string;
  @ApiProperty({ description: 'Whether a secret is kept; it is shown nowhere.' }) hasSecret!: boolean;
  @ApiProperty({ type: [String] }) scopes!: string[];
  @ApiProperty() groupsClaim!: string;
  @ApiProperty({ type: [RoleMappingDto] }) mappings!: RoleMappingDto[];
  @ApiProperty() admitsUnknown!: boolean;
  @ApiProperty() enabled!: boolean;
  @ApiPropertyOptional() caCertificate?: string;
  @ApiPropertyOptional() stack?: string;
  @ApiProperty() createdAt!: number;
  @ApiPropertyOptional({
    description: 'Where the provider may say that somebody signed out there (back-channel logout).',
  })
  backChannelLogoutUri?: string;
}

export const toProviderDto = (provider: IdentityProvider, hasSecret: boolean): ProviderDto => ({
  ...provider,
  scopes: [...provider.scopes],
  mappings: provider.mappings.map((mapping) => ({ ...mapping })),
  hasSecret,
});

export class StackIdentityDto {
  @ApiProperty() site!: string;
  @ApiProperty({ description: 'Name of the stack that the identity module belongs to.' }) stack!: string;
  @ApiPropertyOptional({
    description: 'Id of the stack that binds this control plane to it; a provider can be made of it.',
  })
  bound?: string;
}

/** What a provider must be told of this control plane. */
export class ProvidersDto {
  @ApiProperty({ type: [ProviderDto] }) providers!: ProviderDto[];
  @ApiProperty({ type: [StackIdentityDto], description: 'Identity modules of stacks that are no providers yet.' })
  stacks!: StackIdentityDto[];
  @ApiPropertyOptional({ description: 'The redirect address to register at a provider. Absent: see problem.' })
  redirectUri?: string;
  @ApiPropertyOptional({ description: 'Where people may be sent after signing out there.' }) postLogoutUri?: string;
  @ApiPropertyOptional({ description: 'Why there is no redirect address, and what helps.' }) problem?: string;
}

export class ProviderFindingDto implements ProviderFinding {
  @ApiProperty({ enum: ['ok', 'warning', 'error'] }) level!: ProviderFinding['level'];
  @ApiProperty() message!: string;
  @ApiPropertyOptional() remedy?: string;
}

export class IdentityLinkDto {
  @ApiProperty({ description: 'Id of the identity provider.' }) provider!: string;
  @ApiProperty() name!: string;
  @ApiProperty() createdAt!: number;
  @ApiPropertyOptional() lastUsedAt?: number;
}

export class JourneyDto {
  @ApiProperty({ description: 'Where the browser goes next.' }) url!: string;
}
