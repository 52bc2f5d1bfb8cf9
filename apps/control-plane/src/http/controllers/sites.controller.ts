import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Put, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { CertificateAuthority } from '../../application/certificates/certificate-authority.port.js';
import type { OfferedSite } from '../../application/sites/cluster-survey.port.js';
import type { ConnectSite, ExamineSite } from '../../application/sites/connect-site.js';
import type { DescribeSite } from '../../application/sites/describe-site.js';
import type { PrepareSite } from '../../application/sites/prepare-site.js';
import type { StackStore } from '../../application/stacks/stack-store.port.js';
import type { Diagnostic } from '../../domain/diagnostic.js';
import { Refusal } from '../../domain/problem.js';
import type { Site } from '../../domain/site/site.js';
import { Acts, type PrincipalRequest, Sees, type SeesSite } from '../acts.js';
import { SiteRequestDto } from '../dto/requests.js';
import { DoctorFindingDto, ProblemDto, SiteDto } from '../dto/responses.js';
import {
  DraftDto,
  DraftRequestDto,
  OfferDto,
  ProbeDto,
  ProbeRequestDto,
  RepinRequestDto,
  SiteDetailDto,
} from '../dto/sites.js';
import { Needs } from '../needs.js';
import {
  CERTIFICATES,
  CONNECT_SITE,
  DESCRIBE_SITE,
  EXAMINE_SITE,
  PARSE_SITE,
  PREPARE_SITE,
  READ_OFFER,
  RENDER_SITE,
  STACK_STORE,
} from '../tokens.js';

const PREPARE_MS = 45_000;

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
    @Inject(RENDER_SITE) private readonly renderSite: (site: Site) => string,
    @Inject(READ_OFFER) private readonly readOffer: () => Promise<OfferedSite | undefined>,
    @Inject(PREPARE_SITE) private readonly prepare: PrepareSite,
    @Inject(DESCRIBE_SITE) private readonly describe: DescribeSite,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOkResponse({ type: [SiteDto] })
  async list(@Sees() sees: SeesSite): Promise<SiteDto[]> {
    return (await this.stacks.listSites()).filter(({ name }) => sees(name)).map(toSite);
  }

  /** The certificate a server shows, to be compared before it is trusted. */
  @Post('probe')
  @Needs('admin', { site: 'all' })
  @Acts('site.probed', 'body:endpoint')
  @HttpCode(200)
  @ApiOkResponse({ type: ProbeDto })
  probe(@Body() { endpoint }: ProbeRequestDto): Promise<ProbeDto> {
    return this.prepare.probe(endpoint, AbortSignal.timeout(PREPARE_MS));
  }

  /** Looks at a cluster and proposes a site document; keeps nothing. */
  @Post('draft')
  @Needs('admin', { site: 'all' })
  @Acts('site.drafted', 'body:name')
  @HttpCode(200)
  @ApiOkResponse({ type: DraftDto })
  async draft(@Body() body: DraftRequestDto): Promise<DraftDto> {
    const { site, open, survey } = await this.prepare.draft(body, AbortSignal.timeout(PREPARE_MS));
    return {
      document: this.renderSite(site),
      open: [...open],
      version: survey.version,
      nodes: [...survey.nodes],
      storages: survey.storages.map((storage) => storage.name),
      bridges: survey.bridges.map((bridge) => bridge.name),
    };
  }

  /** A site that is ready to be connected with one click: the lab beside this control plane. */
  @Get('offer')
  @Needs('admin', { site: 'all' })
  @ApiOkResponse({ type: OfferDto })
  async offer(): Promise<OfferDto> {
    const site = await this.#offered();
    if (!site || (await this.stacks.getSite(site.value.name))) return { available: false };
    return { available: true, name: site.value.name, domain: site.value.domain };
  }

  @Post('offer/accept')
  @Needs('admin', { site: 'all' })
  @Acts('site.connected')
  @HttpCode(200)
  @ApiOkResponse({ type: SiteDto })
  async acceptOffer(@Req() request: PrincipalRequest): Promise<SiteDto> {
    const site = await this.#offered();
    if (!site) {
      throw new Refusal({
        code: 'not_found',
        subject: 'offered site',
        message: 'No lab runs beside this control plane.',
        remedy: 'npm run demo starts both; or connect a cluster.',
      });
    }
    request.actSubject = site.value.name;
    return toSite(await this.connectSite.execute(site.value, site.credentials));
  }

  async #offered(): Promise<{ value: Site; credentials: OfferedSite['credentials'] } | undefined> {
    const offer = await this.readOffer();
    const value = offer && this.parseSite('site.yaml', offer.document).value;
    return offer && value ? { value, credentials: offer.credentials } : undefined;
  }

  /** Nodes, room, storages and whether the substrates answer, as they are now. */
  @Get(':name')
  @Needs('viewer', { site: 'param:name' })
  @ApiOkResponse({ type: SiteDetailDto })
  async get(@Param('name') name: string): Promise<SiteDetailDto> {
    const { site, stacks, substrates, leaving } = await this.describe.execute(name);
    return {
      name: site.name,
      domain: site.domain,
      ...(leaving ? { leaving } : {}),
      country: site.country,
      adminEmail: site.adminEmail,
      document: this.renderSite(site),
      substrates: substrates as SiteDetailDto['substrates'],
      zones: Object.entries(site.zones).map(([zone, { addresses: _addresses, ...rest }]) => ({ name: zone, ...rest })),
      stacks,
    };
  }

  /** Trusts another certificate of a substrate. */
  @Post(':name/repin')
  @Needs('admin', { site: 'param:name' })
  @Acts('site.repinned', 'param:name')
  @HttpCode(200)
  @ApiOkResponse({ type: SiteDto })
  async repin(@Param('name') name: string, @Body() body: RepinRequestDto): Promise<SiteDto> {
    return toSite(await this.describe.repin(name, body.substrate, body.fingerprint));
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
