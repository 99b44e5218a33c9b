// How the HTTP/2 codec says that a connection cannot go on.

import { CodecProtocolError } from '../codec.ts'
import { ErrorCode } from './constants.ts'

/** What Envoy logs of the streams of a connection that ends by one of its codec's own checks. */
const generalDetails = 'codec_error:The_user_callback_function_failed'

/** Ends the connection: the peer gets a GOAWAY with this code, and the message as its debug data. */
export class Http2ConnectionError extends CodecProtocolError {
  readonly errorCode: ErrorCode

  constructor(
    message: string,
    errorCode: ErrorCode = ErrorCode.protocolError,
    details = generalDetails,
    isFlood = false,
  ) {
    super(message, details, isFlood)
    this.errorCode = errorCode
  }
}

/** A peer that makes us work or keep things for nothing: counted apart from other errors. */
export class Http2FloodError extends Http2ConnectionError {
  constructor(message: string) {
    super(message, ErrorCode.enhanceYourCalm, `codec_error:${message.replaceAll(' ', '_')}`, true)
  }
}
