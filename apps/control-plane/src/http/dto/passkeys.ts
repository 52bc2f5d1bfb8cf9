import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsOptional, IsString, Length } from 'class-validator';
import type { Passkey } from '../../application/accounts/passkey.port.js';

export class PasskeyDto {
  @ApiProperty() id!: string;
  @ApiProperty({ description: 'What its owner calls it.' }) name!: string;
  @ApiProperty({ description: 'The name of the dashboard that it works at.' }) rpId!: string;
  @ApiProperty() createdAt!: number;
  @ApiPropertyOptional() lastUsedAt?: number;
}

export const toPasskeyDto = ({ id, name, rpId, createdAt, lastUsedAt }: Passkey): PasskeyDto => ({
  id,
  name,
  rpId,
  createdAt,
  ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
});

/** What a browser is given to ask a device. */
export class PasskeyQuestionDto {
  @ApiProperty({ description: 'The address at which the browser must show the page.' }) origin!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'Options as WebAuthn has them in JSON.' })
  options!: Record<string, unknown>;
}

export class PasskeyAnswerDto {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'The answer as WebAuthn has it in JSON.' })
  @IsObject()
  response!: Record<string, unknown>;
}

export class PasskeyNameDto {
  @ApiProperty({ example: 'Blue key' }) @IsString() @Length(1, 80) name!: string;
}

export class NewPasskeyDto extends PasskeyAnswerDto {
  @ApiProperty({ example: 'Blue key' }) @IsString() @Length(1, 80) name!: string;
}

export class AddedPasskeyDto extends PasskeyDto {
  @ApiProperty({ type: [String], description: 'With the first factor of an account; shown this once, else empty.' })
  recoveryCodes!: string[];
}

/** One of both. */
export class ConfirmDto {
  @ApiPropertyOptional({ format: 'password' }) @IsOptional() @IsString() @Length(1, 1024) password?: string;
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, description: 'The answer of a passkey.' })
  @IsOptional()
  @IsObject()
  response?: Record<string, unknown>;
}
