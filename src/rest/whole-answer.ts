import { HttpException, type HttpStatus } from '@nestjs/common';

/** An answer of an error status whose body is no error: it stays as it is, as that of a health check. */
export class WholeAnswer extends HttpException {
  constructor(
    readonly body: object,
    status: HttpStatus,
  ) {
    super(body, status);
  }
}
