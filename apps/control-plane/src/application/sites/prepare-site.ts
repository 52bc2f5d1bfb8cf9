import { draftSite } from '../../domain/site/draft-site.js';
import type { Site } from '../../domain/site/site.js';
import type { ClusterSurvey, ShownCertificate, Surveyor } from './cluster-survey.port.js';

export interface DraftRequest {
  readonly endpoint: string;
  readonly fingerprint: string;
  readonly credential: string;
  readonly name: string;
  readonly domain: string;
  readonly country: string;
  readonly adminEmail: string;
}

/** The way to a first site: look at the certificate, read with a token that may only look, propose a document. */
export class PrepareSite {
  constructor(
    private readonly surveyor: Surveyor,
    /** Our own address on the way to there. */
    private readonly ownAddress: (endpoint: string) => Promise<string>,
  ) {}

  probe(endpoint: string, signal: AbortSignal): Promise<ShownCertificate> {
    return this.surveyor.probe(endpoint, signal);
  }

  async draft(
    { credential, ...wanted }: DraftRequest,
    signal: AbortSignal,
  ): Promise<{ readonly site: Site; readonly open: readonly string[]; readonly survey: ClusterSurvey }> {
    const survey = await this.surveyor.survey({ ...wanted, token: credential }, signal);
    const controlPlane = await this.ownAddress(wanted.endpoint);
    return { ...draftSite({ ...wanted, ...survey, controlPlane }), survey };
  }
}
