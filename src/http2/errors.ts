import { errorCodeName } from "./error-code.ts";

/** The whole connection must end: GOAWAY with this code, then close (RFC 9113 5.4.1). Thrown by frame handlers only. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  describe(): string {
    return `${errorCodeName(this.code)}: ${this.message}`;
  }
}
