import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { CertificateAuthority } from '../../application/certificates/certificate-authority.port.js';
import type { ConnectSite, ExamineSite } from '../../application/sites/connect-site.js';
import type { StackStore } from '../../application/stacks/stack-store.port.js';
import type { Diagnostic } from '../../domain/diagnostic.js';
import { Refusal } from '../../domain/problem.js';
import type { Site } from '../../domain/site/site.js';
import { Acts, Sees, type SeesSite } from '../acts.js';
import { SiteRequestDto } from '../dto/requests.js';
import { DoctorFindingDto, ProblemDto, SiteDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { CERTIFICATES, CONNECT_SITE, EXAMINE_SITE, PARSE_SITE, STACK_STORE } from '../tokens.js';

export type ParseSite = (
  file: string,
  text: string,
) => { readonly value?: Site; readonly diagnostics: readonly Diagnostic[] };

@ApiTags('sites')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('sites')
export class SitesController {
  constructor(
    @Inject(STACK_STORE) private readonly stacks: StackStore,
    @Inject(CONNECT_SITE) private readonly connectSite: ConnectSite,
    @Inject(EXAMINE_SITE) private readonly examineSite: ExamineSite,
    @Inject(CERTIFICATES) private readonly certificates: CertificateAuthority,
    @Inject(PARSE_SITE) private readonly parseSite: ParseSite,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: [SiteDto] })
  async list(@Sees() sees: SeesSite): Promise<SiteDto[]> {
    return (await this.stacks.listSites()).filter(({ name }) => sees(name)).map(toSite);
  }

  /** Connects a site, or changes it: the document is the whole of it. */
  @Put(':name')
  @Needs('admin', { site: 'param:name' })
  @Acts('site.connected', 'param:name')
  @ApiOkResponse({ type: SiteDto })
  async put(@Param('name') name: string, @Body() body: SiteRequestDto): Promise<SiteDto> {
    const { value, diagnostics } = this.parseSite('site.yaml', body.document);
    if (!value || value.name !== name) {
      const findings = value
        ? [
            {
              severity: 'error',
              code: 'site.name',
              subject: 'metadata.name',
              message: `the document is of site ${value.name}, not ${name}`,
            },
          ]
        : diagnostics;
      throw new Refusal({
        code: 'document.invalid',
        subject: `site ${name}`,
        message: `site.yaml has ${findings.length} finding(s): ${findings.map((finding) => finding.message).join('; ')}.`,
        remedy: 'Correct them and send the document again.',
        details: { diagnostics: findings },
      });
    }
    return toSite(await this.connectSite.execute(value, body.credentials ?? {}));
  }

  /** Root certificate of the site's own CA, for the trust stores of people's machines. */
  @Get(':name/ca-certificate')
  @Needs('viewer', { site: 'param:name' })
  @Header('content-type', 'application/x-pem-file')
  @ApiOkResponse({ content: { 'application/x-pem-file': { schema: { type: 'string' } } } })
  async caCertificate(@Param('name') name: string): Promise<string> {
    const site = await this.stacks.getSite(name);
    if (!site) {
      throw new Refusal({
        code: 'not_found',
        subject: `site ${name}`,
        message: 'There is no such site.',
        remedy: 'bastide site list shows them.',
      });
    }
    return this.certificates.root(site);
  }

  /** What is missing for us to work there, each with its remedy. */
  @Post(':name/doctor')
  @Needs('viewer', { site: 'param:name' })
  @Acts('site.examined', 'param:name')
  @HttpCode(200)
  @ApiOkResponse({ type: [DoctorFindingDto] })
  async doctor(@Param('name') name: string): Promise<DoctorFindingDto[]> {
    return [...(await this.examineSite.execute(name))];
  }
}

const toSite = (site: Site): SiteDto => ({
  name: site.name,
  domain: site.domain,
  substrates: Object.keys(site.substrates),
});
