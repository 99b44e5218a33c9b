// A stored OCSP response (RFC 6960) that is sent along with a certificate: for which certificate, and until when.

import { DerError, type DerNode, derChildren, derContent, derInner, derTag, derTime, readDer } from './der.ts'

export class OcspResponse {
  /** As it is sent. */
  readonly der: Buffer
  /** Of the certificate it speaks of: hexadecimal, lower case. */
  readonly serial: string
  readonly validFromMs: number
  /** Infinite where the responder names no next update. */
  readonly validToMs: number

  private constructor(der: Buffer, serial: string, validFromMs: number, validToMs: number) {
    this.der = der
    this.serial = serial
    this.validFromMs = validFromMs
    this.validToMs = validToMs
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.validToMs
  }

  /** The response, or what is wrong with it. */
  static read(der: Buffer): OcspResponse | string {
    try {
      const [status, bytes] = derChildren(readDer(der))
      const code = derContent(status)[0]
      if (code !== 0) return `OCSP response was unsuccessful: status ${code}`
      if (bytes === undefined) return 'OCSP response has no body'
      const [, octets] = derChildren(derInner(bytes))
      const [responseData] = derChildren(derInner(octets))
      const responses = derChildren(responseData)
        .filter((node) => node.tag === derTag.sequence)
        .flatMap(derChildren)
        .filter((node) => node.tag === derTag.sequence)
      if (responses.length !== 1) return 'OCSP Response must be for one certificate only'
      return OcspResponse.#readSingle(der, responses[0])
    } catch (error) {
      if (error instanceof DerError) return `OCSP response cannot be read: ${error.message}`
      throw error
    }
  }

  static #readSingle(der: Buffer, single: DerNode): OcspResponse {
    const [certificate, , thisUpdate, next] = derChildren(single)
    const serial = derChildren(certificate).at(-1)
    if (serial === undefined) throw new DerError('no serial number')
    const hex = derContent(serial)
      .toString('hex')
      .replace(/^(00)+(?=..)/, '')
    const validToMs = next?.tag === 0xa0 ? derTime(derInner(next)) : Number.POSITIVE_INFINITY
    return new OcspResponse(der, hex, derTime(thisUpdate), validToMs)
  }
}
