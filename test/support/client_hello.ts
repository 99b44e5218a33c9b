/** Builds TLS ClientHellos byte by byte, right and wrong ones. */

export interface HelloParts {
  /** 0x0303 by default; version 1.3 is said by an extension. */
  legacyVersion?: number
  recordVersion?: number
  ciphers?: readonly number[]
  compressionMethods?: readonly number[]
  sessionId?: Buffer
  serverName?: string
  protocols?: readonly string[]
  /** Behind those that the fields above stand for. */
  extensions?: readonly (readonly [type: number, data: Buffer])[]
  /** Instead of a well-formed block of extensions; null leaves the block out. */
  extensionBlock?: Buffer | null
  /** Behind the extensions, inside the message. */
  trailer?: Buffer
}

const handshake = 22
const messageType = 1

export function u8(...values: number[]): Buffer {
  return Buffer.from(values)
}

export function u16(...values: number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >>> 8, value & 0xff]))
}

/** Bytes behind their length of one or two bytes. */
export function vector8(data: Buffer): Buffer {
  return Buffer.concat([u8(data.length), data])
}

export function vector16(data: Buffer): Buffer {
  return Buffer.concat([u16(data.length), data])
}

export function serverNameData(name: string): Buffer {
  return vector16(Buffer.concat([u8(0), vector16(Buffer.from(name, 'latin1'))]))
}

export function protocolsData(protocols: readonly string[]): Buffer {
  return vector16(Buffer.concat(protocols.map((protocol) => vector8(Buffer.from(protocol, 'latin1')))))
}

/** supported_versions, for version 1.3 and the like. */
export function versionsExtension(...versions: number[]): readonly [number, Buffer] {
  return [43, vector8(u16(...versions))]
}

/** The message with its type and length, without a record around it. */
export function helloMessage(parts: HelloParts = {}): Buffer {
  const body = Buffer.concat([
    u16(parts.legacyVersion ?? 0x0303),
    Buffer.alloc(32, 7),
    vector8(parts.sessionId ?? Buffer.alloc(0)),
    vector16(u16(...(parts.ciphers ?? [0xc02f, 0xc030, 0x1301]))),
    vector8(u8(...(parts.compressionMethods ?? [0]))),
    extensionBlock(parts),
    parts.trailer ?? Buffer.alloc(0),
  ])
  return message(messageType, body)
}

export function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([u8(type, body.length >>> 16, (body.length >>> 8) & 0xff, body.length & 0xff), body])
}

export function record(type: number, body: Buffer, version = 0x0301): Buffer {
  return Buffer.concat([u8(type), u16(version), vector16(body)])
}

export function clientHello(parts: HelloParts = {}): Buffer {
  return record(handshake, helloMessage(parts), parts.recordVersion)
}

/** The same message in records of so many bytes each. */
export function splitHello(parts: HelloParts, recordBytes: number): Buffer {
  const whole = helloMessage(parts)
  const records: Buffer[] = []
  for (let i = 0; i < whole.length; i += recordBytes)
    records.push(record(handshake, whole.subarray(i, i + recordBytes)))
  return Buffer.concat(records)
}

function extensionBlock(parts: HelloParts): Buffer {
  if (parts.extensionBlock === null) return Buffer.alloc(0)
  if (parts.extensionBlock !== undefined) return parts.extensionBlock
  const list: (readonly [number, Buffer])[] = []
  if (parts.serverName !== undefined) list.push([0, serverNameData(parts.serverName)])
  if (parts.protocols !== undefined) list.push([16, protocolsData(parts.protocols)])
  list.push(...(parts.extensions ?? []))
  return vector16(Buffer.concat(list.map(([type, data]) => Buffer.concat([u16(type), vector16(data)]))))
}
