import { ApiProperty } from '@nestjs/swagger';

/** A ticket for one connection. */
export class TicketAnswer {
  @ApiProperty({ description: 'Goes wherever a token may be in an upgrade, once.', example: 'rkt_…' })
  ticket!: string;

  @ApiProperty({ description: 'When it ends if it is not used, in milliseconds since 1970.' })
  expiresAt!: number;
}
