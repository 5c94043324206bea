import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Length, Max, Min } from 'class-validator';

const MAX_PAGE = 1000;

/** Which page of a list. */
export class PageQuery {
  @ApiPropertyOptional({ type: 'integer', default: 0, minimum: 0 })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  offset = 0;

  @ApiPropertyOptional({ type: 'integer', default: 100, minimum: 1, maximum: MAX_PAGE })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit = 100;
}

/** From which position of a history on; without an epoch from the oldest message kept. */
export class HistoryQuery extends PageQuery {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @Length(1, 64)
  epoch?: string;
}

export class RoomAnswer {
  @ApiProperty({ example: 'general' })
  room!: string;

  @ApiProperty({ description: 'Connections in it.', example: 3 })
  size!: number;

  @ApiPropertyOptional({ description: 'A node did not answer in time: there may be more.' })
  partial?: true;
}

export class RoomsAnswer {
  @ApiProperty({ description: 'The node whose rooms these are.' })
  node!: string;

  @ApiProperty()
  total!: number;

  @ApiProperty({ type: [RoomAnswer] })
  rooms!: RoomAnswer[];
}

export class MemberAnswer {
  @ApiProperty()
  clientId!: string;

  @ApiProperty()
  userId!: string;
}

export class MembersAnswer extends RoomAnswer {
  @ApiProperty({ type: [MemberAnswer] })
  members!: MemberAnswer[];
}

export class ConnectionAnswer extends MemberAnswer {
  @ApiProperty({ description: 'The node that it is on.' })
  node!: string;

  @ApiProperty({ example: '203.0.113.7' })
  address!: string;

  @ApiProperty({ format: 'date-time' })
  openedAt!: string;

  @ApiProperty({ type: [String] })
  rooms!: string[];

  @ApiProperty({ description: 'Bytes that wait for its socket.' })
  outboxBytes!: number;
}

export class ConnectionsAnswer {
  @ApiProperty({ description: 'The node whose connections these are.' })
  node!: string;

  @ApiProperty()
  total!: number;

  @ApiProperty({ type: [ConnectionAnswer] })
  connections!: ConnectionAnswer[];
}

export class RevokeTokenBody {
  @ApiProperty({ description: 'The token’s own id.' })
  @IsString()
  @Length(1, 256)
  jti!: string;
}

export class RevokedAnswer {
  @ApiProperty()
  success!: true;

  @ApiProperty({
    description: 'The node that took it down; all others know by now, or as soon as they can be reached.',
  })
  node!: string;
}

export class DisconnectedAnswer {
  @ApiProperty()
  success!: true;

  @ApiProperty({ description: 'How many connections were closed.' })
  disconnected!: number;

  @ApiPropertyOptional({ description: 'A node did not answer in time: there may have been more.' })
  partial?: true;
}
