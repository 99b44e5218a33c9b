// How the HTTP/2 codec says that a connection cannot go on.

import { CodecProtocolError } from '../codec.ts'
import { ErrorCode } from './constants.ts'

/** Ends the connection: the peer gets a GOAWAY with this code. */
export class Http2ConnectionError extends CodecProtocolError {
  readonly errorCode: ErrorCode

  constructor(message: string, errorCode: ErrorCode = ErrorCode.protocolError, details = codecErrorDetails(message)) {
    super(message, details)
    this.errorCode = errorCode
  }
}

/** %RESPONSE_CODE_DETAILS% holds no spaces. */
function codecErrorDetails(message: string): string {
  return `codec_error:${message.replaceAll(' ', '_')}`
}
