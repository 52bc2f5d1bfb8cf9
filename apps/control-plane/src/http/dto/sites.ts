import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsEmail, IsFQDN, IsOptional, IsString, Length, Matches } from 'class-validator';

/** As the document wants it. */
const NAME = /^[a-z][a-z0-9-]{1,38}$/;

const FINGERPRINT = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/;

export class NodeDto {
  @ApiProperty() name!: string;
  @ApiProperty() online!: boolean;
  @ApiProperty() cpus!: number;
  @ApiProperty() memoryMiB!: number;
  @ApiProperty() freeMemoryMiB!: number;
}

export class StorageDto {
  @ApiProperty() name!: string;
  @ApiPropertyOptional({ description: 'Absent: shared by all nodes.' }) node?: string;
  @ApiProperty({ type: [String] }) content!: string[];
  @ApiProperty() totalGiB!: number;
  @ApiProperty() freeGiB!: number;
}

export class SubstrateDto {
  @ApiProperty() name!: string;
  @ApiProperty() endpoint!: string;
  @ApiProperty({ description: 'The certificate that was confirmed.' }) fingerprint!: string;
  @ApiProperty() reachable!: boolean;
  @ApiPropertyOptional() error?: string;
  @ApiPropertyOptional({ description: 'Another certificate that the server shows now.' }) presented?: string;
  @ApiProperty({ type: [NodeDto] }) nodes!: NodeDto[];
  @ApiProperty({ type: [StorageDto] }) storages!: StorageDto[];
}

export class ZoneDto {
  @ApiProperty() name!: string;
  @ApiProperty() bridge!: string;
  @ApiPropertyOptional() vlan?: number;
  @ApiProperty() cidr!: string;
  @ApiProperty() gateway!: string;
}

export class SiteDetailDto {
  @ApiProperty() name!: string;
  @ApiProperty() domain!: string;
  @ApiPropertyOptional({
    description: 'Domain that parts of the site still stand in: its change was broken off, or is under way.',
  })
  leaving?: string;
  @ApiProperty() country!: string;
  @ApiProperty() adminEmail!: string;
  @ApiProperty({ description: 'site.yaml; holds no secret.' }) document!: string;
  @ApiProperty({ type: [SubstrateDto] }) substrates!: SubstrateDto[];
  @ApiProperty({ type: [ZoneDto] }) zones!: ZoneDto[];
  @ApiProperty({ description: 'Installed ones.' }) stacks!: number;
}

export class ProbeRequestDto {
  @ApiProperty({ example: 'https://pve1.town.example:8006' }) @IsString() @Length(1, 300) endpoint!: string;
}

export class ProbeDto {
  @ApiProperty({ description: 'SHA-256. To be compared on the node itself before it is confirmed.' })
  fingerprint!: string;
  @ApiProperty() subject!: string;
  @ApiProperty() issuer!: string;
  @ApiProperty() validUntil!: number;
}

export class DraftRequestDto {
  @ApiProperty() @IsString() @Length(1, 300) endpoint!: string;
  @ApiProperty() @Matches(FINGERPRINT) fingerprint!: string;
  @ApiProperty({ format: 'password', description: 'user@realm!tokenid=uuid' })
  @Matches(/^[^\s!=]+@[^\s!=]+![^\s=]+=\S+$/, { message: 'credential must be user@realm!tokenid=value' })
  credential!: string;
  @ApiProperty() @Matches(NAME) name!: string;
  @ApiProperty() @IsFQDN() domain!: string;
  @ApiProperty({ example: 'FR' }) @Matches(/^[A-Z]{2}$/) country!: string;
  @ApiProperty() @IsEmail() adminEmail!: string;
}

export class DraftDto {
  @ApiProperty({ description: 'site.yaml, as well as it can be guessed.' }) document!: string;
  @ApiProperty({ type: [String], description: 'Fields that nobody but the admin can know.' }) open!: string[];
  @ApiProperty() version!: string;
  @ApiProperty({ type: [String] }) nodes!: string[];
  @ApiProperty({ type: [String] }) storages!: string[];
  @ApiProperty({ type: [String] }) bridges!: string[];
}

export class OfferDto {
  @ApiProperty({ description: 'Whether a ready-made site (the lab) is offered and not connected yet.' })
  available!: boolean;
  @ApiPropertyOptional() name?: string;
  @ApiPropertyOptional() domain?: string;
}

export class RepinRequestDto {
  @ApiProperty() @IsString() @Length(1, 60) substrate!: string;
  @ApiProperty({ description: 'Compared on the node itself.' }) @Matches(FINGERPRINT) fingerprint!: string;
}

export class DomainQueryDto {
  @ApiProperty({ example: 'town.example' }) @IsString() @Length(1, 300) domain!: string;
}

export class DomainRequestDto {
  @ApiProperty({ example: 'town.example' }) @IsString() @Length(1, 300) domain!: string;
  @ApiPropertyOptional({
    default: true,
    description: 'Whether values set by hand that name the old domain are rewritten.',
  })
  @IsOptional()
  @IsBoolean()
  rewrite?: boolean;
}

export class HandSetValueDto {
  @ApiProperty({ example: 'site: adminEmail' }) subject!: string;
  @ApiProperty() before!: string;
  @ApiProperty() after!: string;
}

export class DomainOutlookDto {
  @ApiProperty() from!: string;
  @ApiProperty() to!: string;
  @ApiProperty({ type: [String] }) stacks!: string[];
  @ApiProperty({ type: [HandSetValueDto], description: 'Set by hand, and naming the old domain.' })
  values!: HandSetValueDto[];
}
