import {
  Equals,
  IsArray,
  IsEmail,
  IsFQDN,
  IsIn,
  IsInt,
  IsIP,
  IsNotEmpty,
  IsString,
  Matches,
  Max,
  Min,
} from 'class-validator';
import type { Site } from '../domain/site/site.js';
import { Header, NAME } from './header.js';
import { mapValues } from './schema-document.js';
import { MapOf, Nested, Optional } from './shape.js';

const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const CIDR = new RegExp(`^${OCTET}(\\.${OCTET}){3}/(3[0-2]|[12]?[0-9])$`);
const IMAGE = /^[a-z0-9][a-z0-9.-]{0,62}$/;

class RangeDocument {
  @IsInt() @Min(100) @Max(999_999_999) from!: number;
  @IsInt() @Min(100) @Max(999_999_999) to!: number;
}

class ImageSourceDocument {
  @IsString() @IsNotEmpty() volume!: string;
  @Optional() @Matches(/^https?:\/\/[^\s]+$/) url?: string;
  @Optional() @Matches(/^[0-9a-f]{64}$/) sha256?: string;
}

class SiteImageDocument {
  @Optional() @Nested(() => ImageSourceDocument) container?: ImageSourceDocument;
  @Optional() @Nested(() => ImageSourceDocument) vm?: ImageSourceDocument;
}

class StorageClassesDocument {
  @IsString() @IsNotEmpty() guests!: string;
  @Optional() @IsString() backups?: string;
}

class SubstrateDocument {
  @IsIn(['proxmox']) kind!: 'proxmox';
  @Matches(/^https:\/\/[^\s/@]+$/, { message: 'endpoint must be https://host:port' }) endpoint!: string;
  @Matches(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/, {
    message: 'fingerprint must be a SHA-256 fingerprint: 32 bytes in upper-case hex, separated by colons',
  })
  fingerprint!: string;
  @Matches(/^secret:[a-z0-9/_-]+$/, { message: 'credential must be a reference (secret:name), never the value' })
  credential!: string;
  @Nested(() => RangeDocument) guestIds!: RangeDocument;
  @Nested(() => StorageClassesDocument) storageClasses!: StorageClassesDocument;
  @MapOf(() => SiteImageDocument, IMAGE) images!: Record<string, SiteImageDocument>;
  @Optional() @IsArray() @IsString({ each: true }) nodes?: string[];
  @Optional() @IsString() pool?: string;
}

class AddressRangeDocument {
  @IsIP(4) from!: string;
  @IsIP(4) to!: string;
}

class ZoneDocument {
  @Matches(/^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/) bridge!: string;
  @Optional() @IsInt() @Min(1) @Max(4094) vlan?: number;
  @Matches(CIDR) cidr!: string;
  @IsIP(4) gateway!: string;
  @Nested(() => AddressRangeDocument) addresses!: AddressRangeDocument;
}

class SiteMetadata {
  @Matches(NAME) name!: string;
}

class SiteSpec {
  @IsFQDN() domain!: string;
  @Matches(/^[A-Z]{2}$/) country!: string;
  @Optional() @Matches(/^[a-z]{2}_[A-Z]{2}\.UTF-8$|^C\.UTF-8$/) locale?: string;
  @Optional() @IsString() timeZone?: string;
  @IsEmail() adminEmail!: string;
  @Optional() @IsArray() @IsIP(4, { each: true }) resolvers?: string[];
  @IsArray() @Matches(CIDR, { each: true }) managementNetworks!: string[];
  @MapOf(() => SubstrateDocument, NAME) substrates!: Record<string, SubstrateDocument>;
  @MapOf(() => ZoneDocument, NAME) zones!: Record<string, ZoneDocument>;
}

/** site.yaml */
export class SiteDocument extends Header {
  @Equals('Site') kind!: string;
  @Nested(() => SiteMetadata) metadata!: SiteMetadata;
  @Nested(() => SiteSpec) spec!: SiteSpec;
}

export function toSite(document: SiteDocument): Site {
  const { spec } = document;
  return {
    name: document.metadata.name,
    domain: spec.domain.toLowerCase(),
    country: spec.country,
    locale: spec.locale ?? 'C.UTF-8',
    timeZone: spec.timeZone ?? 'Etc/UTC',
    adminEmail: spec.adminEmail,
    resolvers: spec.resolvers ?? [],
    managementNetworks: spec.managementNetworks,
    substrates: mapValues(spec.substrates, (substrate) => ({
      kind: substrate.kind,
      endpoint: substrate.endpoint,
      fingerprint: substrate.fingerprint,
      credential: substrate.credential,
      guestIds: { ...substrate.guestIds },
      storageClasses: { ...substrate.storageClasses } as Site['substrates'][string]['storageClasses'],
      images: mapValues(substrate.images, (image) => ({
        ...(image.container ? { container: { ...image.container } } : {}),
        ...(image.vm ? { vm: { ...image.vm } } : {}),
      })),
      nodes: substrate.nodes ?? [],
      ...(substrate.pool ? { pool: substrate.pool } : {}),
    })),
    zones: mapValues(spec.zones, (zone) => ({
      bridge: zone.bridge,
      ...(zone.vlan ? { vlan: zone.vlan } : {}),
      cidr: zone.cidr,
      gateway: zone.gateway,
      addresses: { ...zone.addresses },
    })),
  };
}
