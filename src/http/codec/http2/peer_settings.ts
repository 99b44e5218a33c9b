// The peer's SETTINGS, and ours as they are sent (RFC 9113 section 6.5).

import {
  defaultMaxFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  largestMaxFrameBytes,
  largestWindowBytes,
  SettingId,
} from './constants.ts'
import { Http2ConnectionError } from './errors.ts'
import type { Http2Settings } from './settings.ts'

const entryBytes = 6
/** More in one frame have no use but to keep us busy (CVE-2020-11080). */
const mostEntries = 32

export class PeerSettings {
  maxConcurrentStreams = 0x7fffffff
  initialWindowBytes = defaultWindowBytes
  maxFrameBytes = defaultMaxFrameBytes
  headerTableBytes = 4096
  enableConnect = false

  /** Takes over a SETTINGS payload; throws Http2ConnectionError for values that may not be. */
  read(data: Buffer, start: number, end: number, fromServer: boolean): void {
    const length = end - start
    if (length % entryBytes !== 0) throw new Http2ConnectionError('SETTINGS of an odd length', ErrorCode.frameSizeError)
    if (length > mostEntries * entryBytes)
      throw new Http2ConnectionError('too many SETTINGS in one frame', ErrorCode.enhanceYourCalm)
    for (let p = start; p < end; p += entryBytes) {
      this.#take((data[p] << 8) | data[p + 1], data.readUInt32BE(p + 2), fromServer)
    }
  }

  #take(id: number, value: number, fromServer: boolean): void {
    switch (id) {
      case SettingId.headerTableSize:
        this.headerTableBytes = value
        break
      case SettingId.enablePush:
        if (value > 1 || (fromServer && value === 1)) throw new Http2ConnectionError('bad SETTINGS_ENABLE_PUSH')
        break
      case SettingId.maxConcurrentStreams:
        this.maxConcurrentStreams = Math.min(value, 0x7fffffff)
        break
      case SettingId.initialWindowSize:
        if (value > largestWindowBytes)
          throw new Http2ConnectionError('bad SETTINGS_INITIAL_WINDOW_SIZE', ErrorCode.flowControlError)
        this.initialWindowBytes = value
        break
      case SettingId.maxFrameSize:
        if (value < defaultMaxFrameBytes || value > largestMaxFrameBytes)
          throw new Http2ConnectionError('bad SETTINGS_MAX_FRAME_SIZE')
        this.maxFrameBytes = value
        break
      case SettingId.enableConnectProtocol:
        // RFC 8441 3: once offered, it stays. What a client offers means nothing.
        if (value > 1 || (value === 0 && this.enableConnect && fromServer))
          throw new Http2ConnectionError('bad SETTINGS_ENABLE_CONNECT_PROTOCOL')
        this.enableConnect = value === 1
        break
    }
  }
}

/** What we tell the peer, as Envoy does. */
export function ownSettings(settings: Http2Settings, isServer: boolean): (readonly [number, number])[] {
  const entries: (readonly [number, number])[] = []
  if (!isServer) entries.push([SettingId.enablePush, 0])
  entries.push(...settings.customSettings)
  entries.push([SettingId.headerTableSize, settings.hpackTableBytes])
  entries.push([SettingId.enableConnectProtocol, settings.allowConnect ? 1 : 0])
  entries.push([SettingId.maxConcurrentStreams, settings.maxConcurrentStreams])
  entries.push([SettingId.initialWindowSize, settings.initialStreamWindowBytes])
  return entries
}
