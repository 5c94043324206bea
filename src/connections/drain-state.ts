import { Injectable } from '@nestjs/common';

/** Whether the node is on its way out: readiness, the upgrade and the REST ask here. */
@Injectable()
export class DrainState {
  draining = false;
}
