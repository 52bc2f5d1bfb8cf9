import { Equals, IsEmail, IsNotEmpty, IsString, IsUrl, Matches, MaxLength } from 'class-validator';
import { Optional } from './shape.js';

/** What every document begins with. */
export const API_VERSION = 'bastide.dev/v1';
export const NAME = /^[a-z][a-z0-9-]{1,38}$/;
export const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$/;
export const INTERFACE = /^[a-z][a-z0-9-]{1,38}\/v[1-9][0-9]{0,2}$/;

export class Header {
  @Equals(API_VERSION) apiVersion!: string;
}

export class Links {
  @Optional() @IsUrl({ protocols: ['https', 'http'], require_tld: false }) homepage?: string;
  @Optional() @IsUrl({ protocols: ['https', 'http'], require_tld: false }) source?: string;
  @Optional() @IsUrl({ protocols: ['https', 'http'], require_tld: false }) documentation?: string;
}

export class Person {
  @IsString() @IsNotEmpty() @MaxLength(100) name!: string;
  @Optional() @IsEmail() email?: string;
}

export class Origin {
  @IsString() @IsNotEmpty() upstream!: string;
  /** ISO 3166 country code, `EU` or `international`. */
  @Optional() @Matches(/^([A-Z]{2}|international)$/) jurisdiction?: string;
  @Optional() @IsString() governance?: string;
}
