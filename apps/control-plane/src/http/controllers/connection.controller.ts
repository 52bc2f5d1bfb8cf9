import { Controller, Get, Inject, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiDefaultResponse,
  ApiOkResponse,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';
import type { ServedState } from '../../application/tls/keep-server-certificate.js';
import { Refusal } from '../../domain/problem.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { SERVED_CERTIFICATE } from '../tokens.js';

class AuthorityDto {
  @ApiProperty({ description: 'SHA-256, hex with colons.' }) fingerprint!: string;
  @ApiProperty({ description: 'PEM, for the machines of people and programs.' }) certificate!: string;
}

class ServedCertificateDto {
  @ApiProperty({ enum: ['file', 'own', 'acme'], description: 'Where it should come from.' }) source!: string;
  @ApiProperty({ description: 'It is the own authority’s, until the first one from ACME is here.' })
  standIn!: boolean;
  @ApiProperty({ description: 'SHA-256, hex with colons.' }) fingerprint!: string;
  @ApiProperty({ type: [String] }) names!: string[];
  @ApiProperty() notBefore!: number;
  @ApiProperty() notAfter!: number;
  @ApiPropertyOptional({ type: AuthorityDto, description: 'The control plane’s own one.' }) authority?: AuthorityDto;
}

class ConnectionDto {
  @ApiPropertyOptional({ type: ServedCertificateDto, description: 'Absent: plain HTTP, on loopback alone.' })
  certificate?: ServedCertificateDto;
}

@ApiTags('connection')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('viewer')
@Controller('connection')
export class ConnectionController {
  constructor(@Inject(SERVED_CERTIFICATE) private readonly served: () => ServedState | undefined) {}

  /** The certificate of this control plane: what browsers and programs have to trust. */
  @Get()
  @ApiOkResponse({ type: ConnectionDto })
  show(): ConnectionDto {
    const now = this.served();
    if (!now) return {};
    const { fingerprint, names, notBefore, notAfter, authority } = now.certificate;
    return {
      certificate: {
        source: now.source,
        standIn: now.standIn,
        fingerprint,
        names: [...names],
        notBefore,
        notAfter,
        ...(authority ? { authority } : {}),
      },
    };
  }

  /** The own authority's certificate as a file, for the machines of people. */
  @Get('authority')
  @ApiOkResponse({ content: { 'application/x-pem-file': {} } })
  authority(@Res() response: Response): void {
    const authority = this.served()?.certificate.authority;
    if (!authority)
      throw new Refusal({
        code: 'not_found',
        subject: 'authority',
        message: 'This control plane has no authority of its own.',
        remedy: 'BASTIDE_TLS=own gives it one.',
      });
    response.attachment('bastide-authority.crt').type('application/x-pem-file').send(authority.certificate);
  }
}
