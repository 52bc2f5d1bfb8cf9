import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsEmail,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import type { WantedTarget } from '../../application/notifications/keep-targets.js';
import { LANGUAGES, type Language } from '../../domain/account/account.js';
import { DELIVERY_STATES, type Delivery, type DeliveryState } from '../../domain/notification/delivery.js';
import { EVENT_KINDS, type EventKind, SEVERITIES, type Severity } from '../../domain/notification/event.js';
import { messageOf } from '../../domain/notification/message.js';
import { MAIL_SECURITIES, type NotificationTarget } from '../../domain/notification/target.js';

const KINDS = ['mail', 'webhook'] as const;
const HOST = /^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|[0-9A-Fa-f:.]+)$/;
/** One line: nothing that could begin another header. */
const LINE = /^[^\p{Cc}\u2028\u2029]*$/u;
const PEM = /^\s*(-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----\s*)+$/;
const ca = { message: 'ca must be certificates in PEM: -----BEGIN CERTIFICATE-----…' };

export class MailRouteDto {
  @ApiProperty({ example: 'mail.town.example' }) @Matches(HOST) @Length(1, 253) host!: string;
  @ApiProperty({ example: 587 }) @IsInt() @Min(1) @Max(65_535) port!: number;
  @ApiProperty({ enum: MAIL_SECURITIES }) @IsIn(MAIL_SECURITIES) security!: (typeof MAIL_SECURITIES)[number];
  @ApiPropertyOptional() @IsOptional() @Matches(LINE) @Length(1, 200) user?: string;
  @ApiProperty({ example: 'bastide@town.example' }) @IsEmail() sender!: string;
  @ApiProperty({ type: [String] })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @IsEmail({}, { each: true })
  recipients!: string[];
  @ApiPropertyOptional({ description: 'PEM of the authority that the server’s certificate comes from.' })
  @IsOptional()
  @Matches(PEM, ca)
  @MaxLength(100_000)
  ca?: string;
}

export class MailRequestDto extends MailRouteDto {
  @ApiPropertyOptional({ description: 'Left out: stays as it is; empty: none. Never given back.' })
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  password?: string;
}

export class WebhookRouteDto {
  @ApiProperty({ example: 'https://chat.town.example/hooks/abc' }) @IsString() @Length(1, 2000) url!: string;
  @ApiProperty({ description: 'Private and loopback addresses may be reached, these by plain http too.' })
  @IsBoolean()
  privateAddresses!: boolean;
  @ApiPropertyOptional() @IsOptional() @Matches(PEM, ca) @MaxLength(100_000) ca?: string;
}

export class WebhookRequestDto extends WebhookRouteDto {
  @ApiPropertyOptional({
    description: 'Key of the signatures. Left out: stays as it is, or is made up; empty: a new one is made up.',
  })
  @IsOptional()
  @Matches(/^$|^[\x21-\x7e]{16,200}$/, { message: 'signingKey must have 16 to 200 characters without spaces' })
  signingKey?: string;
}

class TargetFieldsDto {
  @ApiProperty() @Matches(LINE) @Length(1, 80) name!: string;
  @ApiProperty({ enum: KINDS }) @IsIn(KINDS) kind!: (typeof KINDS)[number];
  @ApiProperty({ enum: LANGUAGES, description: 'Of the texts.' }) @IsIn(LANGUAGES) language!: Language;
  @ApiProperty({ enum: SEVERITIES, description: 'Nothing below it is told.' })
  @IsIn(SEVERITIES)
  severity!: Severity;
  @ApiProperty({ type: [String], description: 'Empty: every site.' })
  @IsArray()
  @ArrayMaxSize(200)
  @Matches(/^[a-z][a-z0-9-]{1,38}$/, { each: true })
  sites!: string[];
  @ApiProperty({ enum: EVENT_KINDS, isArray: true, description: 'Empty: every kind.' })
  @IsArray()
  @IsIn(EVENT_KINDS, { each: true })
  kinds!: EventKind[];
}

/** Of `mail` and `webhook` the one that `kind` names. */
export class TargetRequestDto extends TargetFieldsDto {
  @ApiPropertyOptional({ type: MailRequestDto })
  @ValidateIf(({ kind }: TargetRequestDto) => kind === 'mail')
  @IsDefined()
  @ValidateNested()
  @Type(() => MailRequestDto)
  mail?: MailRequestDto;
  @ApiPropertyOptional({ type: WebhookRequestDto })
  @ValidateIf(({ kind }: TargetRequestDto) => kind === 'webhook')
  @IsDefined()
  @ValidateNested()
  @Type(() => WebhookRequestDto)
  webhook?: WebhookRequestDto;
}

export class DeliveryDto {
  @ApiProperty({ description: 'Message-ID and Idempotency-Key of every try.' }) id!: string;
  @ApiProperty({ description: 'Id of the target.' }) target!: string;
  @ApiProperty() targetName!: string;
  @ApiPropertyOptional({ description: 'A person whose account it is about; absent: whoever the target names.' })
  recipient?: string;
  @ApiProperty({ enum: DELIVERY_STATES }) state!: DeliveryState;
  @ApiProperty() subject!: string;
  @ApiProperty({ description: 'Events in it.' }) events!: number;
  @ApiProperty({ enum: SEVERITIES }) severity!: Severity;
  @ApiProperty() createdAt!: number;
  @ApiProperty() attempts!: number;
  @ApiPropertyOptional({ description: 'The next try.' }) nextAt?: number;
  @ApiPropertyOptional() endedAt?: number;
  @ApiPropertyOptional({ description: 'What the receiver said last, or why it was not reached.' }) answer?: string;
  @ApiPropertyOptional() remedy?: string;
}

export class NotificationTargetDto extends TargetFieldsDto {
  @ApiProperty() id!: string;
  @ApiProperty() paused!: boolean;
  @ApiProperty() createdAt!: number;
  @ApiPropertyOptional({ type: MailRouteDto }) mail?: MailRouteDto;
  @ApiPropertyOptional({ type: WebhookRouteDto }) webhook?: WebhookRouteDto;
  @ApiProperty({ description: 'A password or key is kept.' }) secretKept!: boolean;
  @ApiPropertyOptional({ type: DeliveryDto, description: 'The newest one.' }) latest?: DeliveryDto;
}

export class SavedTargetDto extends NotificationTargetDto {
  @ApiPropertyOptional({ description: 'Made up because none was given; shown this once.' }) signingKey?: string;
}

export class TestResultDto {
  @ApiProperty() ok!: boolean;
  @ApiProperty({ description: 'The receiver’s own words, or why it was not reached.' }) answer!: string;
  @ApiPropertyOptional() remedy?: string;
}

export class DeliveryQueryDto {
  @ApiPropertyOptional({ description: 'Id of a target.' }) @IsOptional() @IsString() target?: string;
  @ApiPropertyOptional({ default: 50 }) @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(500) limit?: number;
}

export function toWantedTarget(body: TargetRequestDto): WantedTarget {
  const { name, language, severity, sites, kinds } = body;
  const wanted = { name, language, filter: { severity, sites, kinds } };
  if (body.kind === 'mail') {
    const { password, ...route } = body.mail!;
    return { ...wanted, route: { kind: 'mail', ...route }, ...(password === undefined ? {} : { secret: password }) };
  }
  const { signingKey, ...route } = body.webhook!;
  return {
    ...wanted,
    route: { kind: 'webhook', ...route },
    ...(signingKey === undefined ? {} : { secret: signingKey }),
  };
}

export function toTargetDto(target: NotificationTarget, secretKept: boolean, latest?: Delivery): NotificationTargetDto {
  const { id, name, language, filter, paused, createdAt, route } = target;
  const { kind, ...rest } = route;
  return {
    id,
    name,
    kind,
    language,
    severity: filter.severity,
    sites: [...filter.sites],
    kinds: [...filter.kinds],
    paused,
    createdAt,
    secretKept,
    ...({ [kind]: rest } as Pick<NotificationTargetDto, 'mail' | 'webhook'>),
    ...(latest ? { latest: toDeliveryDto(latest, target) } : {}),
  };
}

export function toDeliveryDto(delivery: Delivery, target: NotificationTarget): DeliveryDto {
  const { events, ...rest } = delivery;
  const telling = { id: delivery.id, at: delivery.createdAt, target: target.name, language: target.language };
  const { subject, severity } = messageOf(events, telling);
  return { ...rest, targetName: target.name, subject, severity, events: events.length };
}
