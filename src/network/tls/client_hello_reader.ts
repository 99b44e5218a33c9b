// Finds the ClientHello in the bytes of a connection that have come so far (TLS records: RFC 8446 section 5.1).

import { latin1Slice } from '../../common/latin1.ts'
import { type ClientHello, encryptedHelloIsWellFormed, parseClientHello } from './client_hello.ts'
import type { TlsFailure } from './failure_reason.ts'

/**
 * - more: the message is not all there
 * - found: `hello` is it
 * - closed: the peer says at once that it is over (close_notify)
 * - failed: no ClientHello, `failure` says why
 */
export type ReadOutcome = 'more' | 'found' | 'closed' | 'failed'

const recordHeaderLength = 5
const messageHeaderLength = 4
const RecordType = { alert: 21, handshake: 22 } as const
const AlertLevel = { warning: 1, fatal: 2 } as const
const clientHelloType = 1
const closeNotify = 0
const sslMajorVersion = 3
const plaintextLimit = 16384
const encryptedLimit = plaintextLimit + 256
const messageLimit = 16384
const warningAlertLimit = 4
const emptyRecordLimit = 32
const httpMethods = new Set(['GET ', 'POST ', 'HEAD ', 'PUT '])

const noBytes = Buffer.alloc(0)

export class ClientHelloReader {
  hello: ClientHello | undefined = undefined
  failure: TlsFailure = 'DECODE_ERROR'
  /** How many bytes have been looked at: whole records, and the header of one that was refused. */
  consumedBytes = 0
  #message: Buffer = noBytes
  #warningAlerts = 0
  #emptyRecords = 0

  /** `data` is everything from the start of the connection, each time longer than before. */
  read(data: Buffer): ReadOutcome {
    for (;;) {
      const outcome = this.#readRecord(data)
      if (outcome !== 'found') return outcome
      const message = this.#readMessage()
      if (message !== 'more') return message
    }
  }

  /** 'found' for a record that is done with. */
  #readRecord(data: Buffer): ReadOutcome {
    const start = this.consumedBytes
    if (data.length - start < recordHeaderLength) return 'more'
    if (start === 0 && isHttp(data)) return this.#refuseHeader(httpFailure(data))
    if (data[start + 1] !== sslMajorVersion) return this.#refuseHeader('WRONG_VERSION_NUMBER')
    const length = data.readUInt16BE(start + 3)
    if (length > encryptedLimit) return this.#refuseHeader('ENCRYPTED_LENGTH_TOO_LONG')
    const bodyStart = start + recordHeaderLength
    if (data.length - bodyStart < length) return 'more'
    this.consumedBytes = bodyStart + length
    if (length > plaintextLimit) return this.#fail('DATA_LENGTH_TOO_LONG')
    this.#emptyRecords = length === 0 ? this.#emptyRecords + 1 : 0
    if (this.#emptyRecords > emptyRecordLimit) return this.#fail('TOO_MANY_EMPTY_FRAGMENTS')
    const body = data.subarray(bodyStart, this.consumedBytes)
    if (data[start] === RecordType.alert) return this.#readAlert(body)
    if (data[start] !== RecordType.handshake) return this.#fail('UNEXPECTED_RECORD')
    this.#message = this.#message.length === 0 ? body : Buffer.concat([this.#message, body])
    return 'found'
  }

  #readAlert(body: Buffer): ReadOutcome {
    if (body.length !== 2) return this.#fail('BAD_ALERT')
    const [level, description] = body
    if (level === AlertLevel.warning) {
      if (description === closeNotify) return 'closed'
      this.#warningAlerts++
      return this.#warningAlerts > warningAlertLimit ? this.#fail('TOO_MANY_WARNING_ALERTS') : 'found'
    }
    return this.#fail(level === AlertLevel.fatal ? description : 'UNKNOWN_ALERT_TYPE')
  }

  #readMessage(): ReadOutcome {
    const message = this.#message
    if (message.length < messageHeaderLength) return 'more'
    const length = message.readUIntBE(1, 3)
    if (length > messageLimit) return this.#fail('EXCESSIVE_MESSAGE_SIZE')
    if (message.length < messageHeaderLength + length) return 'more'
    if (message[0] !== clientHelloType) return this.#fail('UNEXPECTED_MESSAGE')
    this.hello = parseClientHello(message.subarray(messageHeaderLength, messageHeaderLength + length))
    if (this.hello === undefined) return this.#fail('CLIENTHELLO_PARSE_FAILED')
    if (message.length > messageHeaderLength + length) return this.#fail('EXCESS_HANDSHAKE_DATA')
    return encryptedHelloIsWellFormed(this.hello) ? 'found' : this.#fail('DECODE_ERROR')
  }

  #refuseHeader(failure: TlsFailure): ReadOutcome {
    this.consumedBytes += recordHeaderLength
    return this.#fail(failure)
  }

  #fail(failure: TlsFailure): ReadOutcome {
    this.failure = failure
    return 'failed'
  }
}

function isHttp(data: Buffer): boolean {
  // Of TLS: no letter.
  if (data[0] === RecordType.handshake) return false
  const start = latin1Slice(data, 0, recordHeaderLength)
  return start === 'CONNE' || httpMethods.has(start.slice(0, 4)) || httpMethods.has(start)
}

function httpFailure(data: Buffer): TlsFailure {
  return latin1Slice(data, 0, recordHeaderLength) === 'CONNE' ? 'HTTPS_PROXY_REQUEST' : 'HTTP_REQUEST'
}
