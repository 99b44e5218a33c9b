// What one access log line costs, formatted and handed to the file's buffer, without the write itself.
// Run: node bench/micro/access_log.ts

import { setImmediate } from 'node:timers/promises'
import { AccessLogManager } from '../../src/access_log/access_log_manager.ts'
import {
  compileFormat,
  compileJsonFormat,
  defaultAccessLogFormat,
  type Formatter,
} from '../../src/access_log/formatter.ts'
import type { FormatterContext } from '../../src/access_log/formatter_context.ts'
import { httpEntry } from '../../src/access_log/grpc/log_entries.ts'
import { HeaderMap } from '../../src/common/header_map.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { type AddressInfo, StreamInfo } from '../../src/stream_info/stream_info.ts'

const fifteenOperators = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
}

function address(ip: string, port: number): AddressInfo {
  return { text: `${ip}:${port}`, ip, port, family: 'ipv4' }
}

function browserRequest(): FormatterContext {
  const client = address('10.1.2.3', 40000)
  const server = address('10.0.0.1', 10000)
  const downstream = {
    connectionId: 1,
    roundTripTimeMs: () => undefined,
    remoteAddress: client,
    localAddress: server,
    directRemoteAddress: client,
    directLocalAddress: server,
    requestedServerName: '',
    tls: undefined,
    transportFailureReason: '',
    isSecure: false,
    detectedCloseType: '',
    localCloseReason: '',
    listenerName: 'ingress',
    filterChainName: '',
    acceptedAtMs: 0,
  }
  const streamInfo = new StreamInfo(downstream, performance.now(), Date.now())
  streamInfo.protocol = 'HTTP/1.1'
  streamInfo.responseCode = 200
  streamInfo.responseCodeDetails = 'via_upstream'
  streamInfo.requestCompleteMs = performance.now()
  const requestHeaders = new HeaderMap()
  requestHeaders.method = 'GET'
  requestHeaders.path = '/api/v1/items?page=2&size=50'
  requestHeaders.authority = 'shop.example.com'
  requestHeaders.scheme = 'http'
  for (const [name, value] of [
    ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['accept-language', 'en-US,en;q=0.5'],
    ['accept-encoding', 'gzip, deflate, br'],
    ['cookie', 'session=0123456789abcdef; theme=dark'],
    ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
    ['x-forwarded-for', '10.1.2.3'],
    ['x-forwarded-proto', 'http'],
    ['x-request-id', '775b8891-3473-46c4-a5f3-1e6fa5f8db57'],
  ]) {
    requestHeaders.add(name, value)
  }
  const responseHeaders = new HeaderMap()
  responseHeaders.status = 200
  responseHeaders.add('content-type', 'application/json')
  responseHeaders.add('x-envoy-upstream-service-time', '3')
  return {
    requestHeaders,
    responseHeaders,
    responseTrailers: undefined,
    streamInfo,
    localReplyBody: '',
    accessLogType: 'DownstreamEnd',
  }
}

/** Nanoseconds of this thread's CPU; the turns between rounds let the buffer's writes finish. */
async function nanosPerLine(formatter: Formatter, write: (line: string) => void): Promise<number> {
  const contexts = Array.from({ length: 64 }, browserRequest)
  const turns = 500
  let micros = 0
  for (let turn = 0; turn < turns; turn++) {
    const begin = process.threadCpuUsage()
    for (let i = 0; i < 256; i++) write(formatter.format(contexts[i & 63]))
    const spent = process.threadCpuUsage(begin)
    micros += spent.user + spent.system
    await setImmediate()
  }
  return (micros / (turns * 256)) * 1000
}

async function report(name: string, formatter: Formatter, write: (line: string) => void): Promise<void> {
  const rounds: number[] = []
  for (let i = 0; i < 7; i++) rounds.push(await nanosPerLine(formatter, write))
  rounds.sort((a, b) => a - b)
  console.log(`${name.padEnd(44)} ${rounds[3].toFixed(0)} ns a line (best ${rounds[0].toFixed(0)})`)
}

const cases: Readonly<Record<string, Formatter>> = {
  'default text format': compileFormat(defaultAccessLogFormat),
  'JSON, 15 operators': compileJsonFormat(fifteenOperators),
  'JSON, 15 operators, omit_empty_values': compileJsonFormat(fifteenOperators, { omitEmptyValues: true }),
}
const manager = new AccessLogManager(createLocalStore())
const file = manager.file('/dev/null')
for (const [name, formatter] of Object.entries(cases)) await report(name, formatter, (line) => file.write(line))

// An entry for an access log service, encoded; the line is not used.
const entrySettings = {
  filterStateObjects: [],
  customTags: [],
  requestHeaders: [],
  responseHeaders: [],
  responseTrailers: [],
}
const entries: Formatter = {
  format: (ctx) => {
    httpEntry(ctx, entrySettings)
    return ''
  },
}
await report('entry for an access log service', entries, () => {})

// The parts alone: what the buffer adds, and what a Buffer written line by line would add instead.
const json = cases['JSON, 15 operators']
await report('formatting only', json, () => {})
let text = ''
await report('formatting and one growing string', json, (line) => {
  text += line
  if (text.length < 65_536) return
  Buffer.from(text, 'latin1')
  text = ''
})
const buffer = Buffer.alloc(1 << 17)
let offset = 0
await report('formatting and writing into a Buffer', json, (line) => {
  offset += buffer.write(line, offset, 'latin1')
  if (offset > 65_536) offset = 0
})
manager.close()
