import { Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { SecretStore } from '../../application/secrets/secret-store.port.js';
import { Acts } from '../acts.js';
import { ProblemDto, RotatedDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { SECRET_STORE } from '../tokens.js';

@ApiTags('secrets')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Controller('secrets')
export class SecretsController {
  constructor(@Inject(SECRET_STORE) private readonly secrets: SecretStore) {}

  /** Seals every stored secret with a new master key. The secrets themselves do not change; the key file does. */
  @Post('rotate-master-key')
  @Needs('admin', { site: 'all' })
  @Acts('secret.key_rotated')
  @HttpCode(200)
  @ApiOkResponse({ type: RotatedDto })
  async rotate(): Promise<RotatedDto> {
    return { secrets: await this.secrets.rotateMasterKey() };
  }
}
