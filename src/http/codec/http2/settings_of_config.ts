// `http2_protocol_options` of listeners and clusters as settings, with Envoy 1.40's defaults.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import { defaultHeaderTableBytes, SettingId } from './constants.ts'
import type { Http2Settings, KeepaliveSettings } from './settings.ts'

type Http2ProtocolOptions = envoy.config.core.v3.Http2ProtocolOptions
type Keepalive = envoy.config.core.v3.KeepaliveSettings

export const defaultMaxConcurrentStreams = 1024
const defaultStreamWindowBytes = 16 * 1024 * 1024
/** nghttp2's, where only one of the two is given. */
const defaultResetBurst = 1000
const defaultResetsPerSecond = 33
const defaultConnectionWindowBytes = 24 * 1024 * 1024

/** What of HTTP/2's behaviour is configured outside of its options. */
export type Http2Surroundings = Pick<
  Http2Settings,
  'streamErrorOnInvalidMessage' | 'maxHeadersBytes' | 'maxHeadersCount' | 'headersWithUnderscores'
>

export function http2Settings(
  options: Http2ProtocolOptions | undefined,
  surroundings: Http2Surroundings,
  errors: ConfigErrors,
): Http2Settings {
  const streamError =
    options?.overrideStreamErrorOnInvalidHttpMessage ?? (options?.streamErrorOnInvalidHttpMessaging || undefined)
  return {
    hpackTableBytes: options?.hpackTableSize ?? defaultHeaderTableBytes,
    maxConcurrentStreams: options?.maxConcurrentStreams ?? defaultMaxConcurrentStreams,
    initialStreamWindowBytes: options?.initialStreamWindowSize ?? defaultStreamWindowBytes,
    initialConnectionWindowBytes: options?.initialConnectionWindowSize ?? defaultConnectionWindowBytes,
    allowConnect: options?.allowConnect ?? false,
    allowMetadata: options?.allowMetadata ?? false,
    maxOutboundFrames: options?.maxOutboundFrames ?? 10000,
    maxOutboundControlFrames: options?.maxOutboundControlFrames ?? 1000,
    maxConsecutiveEmptyFrames: options?.maxConsecutiveInboundFramesWithEmptyPayload ?? 1,
    maxPriorityFramesPerStream: options?.maxInboundPriorityFramesPerStream ?? 100,
    maxWindowUpdatesPerDataFrame: options?.maxInboundWindowUpdateFramesPerDataFrameSent ?? 10,
    streamResets: options === undefined ? undefined : streamResetLimit(options),
    customSettings: options === undefined ? [] : customSettings(options, errors),
    keepalive: keepaliveSettings(options?.connectionKeepalive),
    huffman: options?.enableHuffmanEncoding ?? true,
    maxHeaderFieldBytes: (options?.maxHeaderFieldSizeKb ?? 64) * 1024,
    allowObsText: options?.disallowObsText !== true,
    ...surroundings,
    streamErrorOnInvalidMessage: streamError ?? surroundings.streamErrorOnInvalidMessage,
  }
}

function streamResetLimit({ streamResetBurst, streamResetRate }: Http2ProtocolOptions): Http2Settings['streamResets'] {
  if (streamResetBurst === undefined && streamResetRate === undefined) return undefined
  return { burst: streamResetBurst ?? defaultResetBurst, perSecond: streamResetRate ?? defaultResetsPerSecond }
}

function keepaliveSettings(keepalive: Keepalive | undefined): KeepaliveSettings | undefined {
  if (keepalive === undefined) return undefined
  return {
    intervalMs: keepalive.interval ?? 0,
    timeoutMs: keepalive.timeout ?? 0,
    intervalJitter: (keepalive.intervalJitter?.value ?? 15) / 100,
    idleIntervalMs: keepalive.connectionIdleInterval ?? 0,
  }
}

/** Identifiers that have a field of their own; `custom` may not name those that are set. */
function customSettings(options: Http2ProtocolOptions, errors: ConfigErrors): (readonly [number, number])[] {
  const named = new Map<number, string>([
    [SettingId.enablePush, 'server push is not supported and is not configurable'],
    [SettingId.enableConnectProtocol, 'extended CONNECT is only configurable through allow_connect'],
  ])
  if (options.hpackTableSize !== undefined) named.set(SettingId.headerTableSize, 'hpack_table_size is set')
  if (options.maxConcurrentStreams !== undefined)
    named.set(SettingId.maxConcurrentStreams, 'max_concurrent_streams is set')
  if (options.initialStreamWindowSize !== undefined)
    named.set(SettingId.initialWindowSize, 'initial_stream_window_size is set')
  const values = new Map<number, number>()
  for (const parameter of options.customSettingsParameters) {
    const { identifier, value } = parameter
    if (identifier === undefined || value === undefined) continue
    const known = named.get(identifier)
    if (known !== undefined)
      errors.add(parameter, 'identifier', `the HTTP/2 SETTINGS parameter ${identifier} cannot be given here: ${known}`)
    else if (values.has(identifier) && values.get(identifier) !== value)
      errors.add(
        parameter,
        'value',
        `inconsistent HTTP/2 custom SETTINGS parameter(s) detected; identifiers = {0x0${identifier.toString(16)}}`,
      )
    else values.set(identifier, value)
  }
  return [...values]
}
