import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsDefined, IsOptional, IsString, Length } from 'class-validator';

import { MAX_ID_LENGTH } from '../protocol/envelope.js';
import { MAX_ROOM_NAME_LENGTH } from '../protocol/room-name.js';

/** Body of a publish to a user, who always has it numbered and kept. */
export class UserMessageBody {
  @ApiProperty({ description: 'Any JSON value.', type: Object, example: { text: 'hello' } })
  @IsDefined()
  data!: unknown;

  @ApiPropertyOptional({
    description: 'Makes the publish idempotent for the deduplication window.',
    maxLength: MAX_ID_LENGTH,
  })
  @IsOptional()
  @IsString()
  @Length(1, MAX_ID_LENGTH)
  id?: string;
}

/** Body of a publish to a room. */
export class PublishBody extends UserMessageBody {
  @ApiPropertyOptional({ description: 'Neither numbered nor kept.' })
  @IsOptional()
  @IsBoolean()
  volatile?: boolean;
}

/** Body of a broadcast: with a room to its members, without one to everybody. */
export class BroadcastBody {
  @ApiPropertyOptional({ maxLength: MAX_ROOM_NAME_LENGTH, example: 'general' })
  @IsOptional()
  @IsString()
  room?: string;

  @ApiProperty({ description: 'Any JSON value.', type: Object, example: 'Maintenance at noon' })
  @IsDefined()
  message!: unknown;

  @ApiPropertyOptional({
    description: 'Makes the publish idempotent for the deduplication window.',
    maxLength: MAX_ID_LENGTH,
  })
  @IsOptional()
  @IsString()
  @Length(1, MAX_ID_LENGTH)
  id?: string;
}

/** Where a message got to. */
export class PublishedAnswer {
  @ApiProperty({ example: true })
  success!: true;

  @ApiProperty({ example: 'general' })
  room!: string;

  @ApiProperty()
  id!: string;

  @ApiPropertyOptional()
  epoch?: string;

  @ApiPropertyOptional({ example: 42 })
  offset?: number;

  @ApiPropertyOptional({ description: 'The id had been published before; this is the position of the first one.' })
  duplicate?: true;
}
