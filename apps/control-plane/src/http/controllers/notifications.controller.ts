import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { KeepTargets } from '../../application/notifications/keep-targets.js';
import type { Outbox } from '../../application/notifications/notification-store.port.js';
import type { NotificationTarget } from '../../domain/notification/target.js';
import { Acts } from '../acts.js';
import {
  DeliveryDto,
  DeliveryQueryDto,
  NotificationTargetDto,
  SavedTargetDto,
  TargetRequestDto,
  TestResultDto,
  toDeliveryDto,
  toTargetDto,
  toWantedTarget,
} from '../dto/notifications.js';
import { ProblemDto } from '../dto/responses.js';
import { Needs } from '../needs.js';
import { KEEP_TARGETS, OUTBOX } from '../tokens.js';

@ApiTags('notifications')
@ApiBearerAuth()
@ApiDefaultResponse({ type: ProblemDto })
@Needs('admin', { site: 'all' })
@Controller('notifications')
export class NotificationsController {
  constructor(
    @Inject(KEEP_TARGETS) private readonly targets: KeepTargets,
    @Inject(OUTBOX) private readonly outbox: Outbox,
  ) {}

  /** Where notifications go. */
  @Get('targets')
  @ApiOkResponse({ type: [NotificationTargetDto] })
  async list(): Promise<NotificationTargetDto[]> {
    return Promise.all((await this.targets.list()).map((target) => this.#show(target)));
  }

  @Post('targets')
  @Acts('notification.created', 'body:name')
  @ApiCreatedResponse({ type: SavedTargetDto })
  async create(@Body() body: TargetRequestDto): Promise<SavedTargetDto> {
    const { target, signingKey } = await this.targets.create(toWantedTarget(body));
    return { ...(await this.#show(target)), ...(signingKey ? { signingKey } : {}) };
  }

  @Put('targets/:id')
  @Acts('notification.changed', 'body:name')
  @ApiOkResponse({ type: SavedTargetDto })
  async change(@Param('id') id: string, @Body() body: TargetRequestDto): Promise<SavedTargetDto> {
    const { target, signingKey } = await this.targets.change(id, toWantedTarget(body));
    return { ...(await this.#show(target)), ...(signingKey ? { signingKey } : {}) };
  }

  @Delete('targets/:id')
  @HttpCode(204)
  @Acts('notification.removed', 'param:id')
  @ApiNoContentResponse()
  async remove(@Param('id') id: string): Promise<void> {
    await this.targets.remove(id);
  }

  /** Sends a test now; the answer is what the receiver said. */
  @Post('targets/:id/test')
  @HttpCode(200)
  @Acts('notification.tested', 'param:id')
  @ApiOkResponse({ type: TestResultDto })
  test(@Param('id') id: string): Promise<TestResultDto> {
    return this.targets.test(id);
  }

  /** What happens meanwhile is not told later. */
  @Post('targets/:id/pause')
  @HttpCode(200)
  @Acts('notification.paused', 'param:id')
  @ApiOkResponse({ type: NotificationTargetDto })
  async pause(@Param('id') id: string): Promise<NotificationTargetDto> {
    return this.#show(await this.targets.pause(id, true));
  }

  @Post('targets/:id/resume')
  @HttpCode(200)
  @Acts('notification.resumed', 'param:id')
  @ApiOkResponse({ type: NotificationTargetDto })
  async resume(@Param('id') id: string): Promise<NotificationTargetDto> {
    return this.#show(await this.targets.pause(id, false));
  }

  /** Messages and what became of them, newest first. */
  @Get('deliveries')
  @ApiOkResponse({ type: [DeliveryDto] })
  async deliveries(@Query() { target, limit = 50 }: DeliveryQueryDto): Promise<DeliveryDto[]> {
    const targets = new Map((await this.targets.list()).map((one) => [one.id, one]));
    const found = await this.outbox.deliveries({ ...(target === undefined ? {} : { target }), limit });
    return found.flatMap((delivery) => {
      const known = targets.get(delivery.target);
      return known ? [toDeliveryDto(delivery, known)] : [];
    });
  }

  async #show(target: NotificationTarget): Promise<NotificationTargetDto> {
    const [secretKept, [latest]] = await Promise.all([
      this.targets.hasSecret(target.id),
      this.outbox.deliveries({ target: target.id, limit: 1 }),
    ]);
    return toTargetDto(target, secretKept, latest);
  }
}
