/** What proxy_protocol makes of headers of both versions, right and wrong. */
import { u8 } from '../../support/client_hello.ts'
import { ipv4Addresses, ipv6Addresses, proxyHeader } from '../../support/proxy_header.ts'
import { LOG, listener, proxyProtocol, sends, sendsPieces, suite, tlsInspector } from './pieces.ts'

const ADDRESSES =
  'remote=%DOWNSTREAM_REMOTE_ADDRESS% local=%DOWNSTREAM_LOCAL_ADDRESS% ' +
  `direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% ${LOG}`
const TLVS =
  `${ADDRESSES} meta=%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)% other=%DYNAMIC_METADATA(other)% ` +
  'state=%FILTER_STATE(envoy.network.proxy_protocol.tlv:PLAIN)% typed=%FILTER_STATE(envoy.network.proxy_protocol.tlv)% ' +
  'field=%FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:authority)% options=%FILTER_STATE(envoy.network.proxy_protocol_options:PLAIN)%'
const rules = `
rules:
- { tlv_type: 2, on_tlv_present: { key: authority } }
- { tlv_type: 0xE0, on_tlv_present: { key: custom, metadata_namespace: other } }
- { tlv_type: 0xE1, on_tlv_present: { key: base64, value_string_encoding: BASE64 } }
- { tlv_type: 0xE2, on_tlv_present: { key: utf8, value_string_encoding: SANITIZED_UTF8 } }
- { tlv_type: 0xE3, on_tlv_present: { key: authority } }
`
const chains = {
  destination: '{ destination_port: 443 }',
  prefix: '{ prefix_ranges: [ { address_prefix: 10.0.0.2, prefix_len: 32 } ] }',
  source: '{ source_prefix_ranges: [ { address_prefix: 1.2.3.0, prefix_len: 24 } ] }',
  ports: '{ source_ports: [ 7 ] }',
  direct: '{ direct_source_prefix_ranges: [ { address_prefix: 9.0.0.0, prefix_len: 8 } ] }',
  default: '',
}

const listeners = [
  listener('plain', [proxyProtocol()], {}, '', ADDRESSES),
  listener('optional', [proxyProtocol('allow_requests_without_proxy_protocol: true')], {}, '', ADDRESSES),
  listener('no_v1', [proxyProtocol('disallowed_versions: [ V1 ]')], {}, '', ADDRESSES),
  listener('no_v2', [proxyProtocol('disallowed_versions: [ V2 ]\nstat_prefix: pre')], {}, '', ADDRESSES),
  listener(
    'optional_no_v1',
    [proxyProtocol('disallowed_versions: [ V1 ]\nallow_requests_without_proxy_protocol: true')],
    {},
    '',
    ADDRESSES,
  ),
  listener(
    'optional_no_v2',
    [proxyProtocol('disallowed_versions: [ V2 ]\nallow_requests_without_proxy_protocol: true')],
    {},
    '',
    ADDRESSES,
  ),
  listener('tlvs', [proxyProtocol(rules)], {}, '', TLVS),
  listener('tlvs_passed', [proxyProtocol(`${rules}\npass_through_tlvs: { match_type: INCLUDE_ALL }`)], {}, '', TLVS),
  listener('tlvs_state', [proxyProtocol(`${rules}\ntlv_location: FILTER_STATE`)], {}, '', TLVS),
  listener('chains', [proxyProtocol()], chains, '', ADDRESSES),
  listener('twice', [proxyProtocol(), proxyProtocol()], {}, '', ADDRESSES),
  listener('with_tls', [proxyProtocol(), tlsInspector()], {}, '', ADDRESSES),
  listener('timeout', [proxyProtocol()], {}, 'listener_filters_timeout: 0.15s', ADDRESSES),
  listener(
    'goes_on',
    [proxyProtocol()],
    {},
    'listener_filters_timeout: 0.15s\ncontinue_on_listener_filters_timeout: true',
    ADDRESSES,
  ),
]

const v1 = 'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\n'

/** Version 1 lines; data follows each. */
const lines = [
  v1,
  'PROXY TCP6 2001:db8::1 2001:DB8:0:0::2 5678 443\r\n',
  'PROXY TCP6 ::ffff:1.2.3.4 ::ffff:10.0.0.1 5678 443\r\n',
  'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 1:2:3:4:5:6:7:8 65535 65535\r\n',
  'PROXY UNKNOWN\r\n',
  'PROXY UNKNOWN \r\n',
  'PROXY UNKNOWN 1.2.3.4 x y\r\n',
  'PROXY UNKNOWNX\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443 1\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443 \r\n',
  'PROXY TCP4 1.2.3.4  10.0.0.1 5678 443\r\n',
  'PROXY  TCP4 1.2.3.4 10.0.0.1 5678 443\r\n',
  ' PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY\tTCP4 1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\t\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\n\r\n',
  'PROXY tcp4 1.2.3.4 10.0.0.1 5678 443\r\n',
  'proxy TCP4 1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY UDP4 1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY TCP5 1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 ::1 ::2 5678 443\r\n',
  'PROXY TCP6 1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY TCP6 [::1] ::2 5678 443\r\n',
  'PROXY TCP6 fe80::1%lo fe80::2 5678 443\r\n',
  'PROXY TCP4 1.2.3 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 1.2.3.256 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 01.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 0x1.2.3.4 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 a.test 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 0 0\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 00000080 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 65536 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 -1 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 +80 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 80x 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 x 443\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 0x50 443\r\n',
  'PROXY TCP4 0.0.0.0 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 255.255.255.255 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 224.0.0.1 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 240.0.0.1 10.0.0.1 5678 443\r\n',
  'PROXY TCP4 127.0.0.1 239.255.255.255 5678 443\r\n',
  'PROXY TCP4 0.0.0.1 10.0.0.1 5678 443\r\n',
  'PROXY TCP6 :: ::1 5678 443\r\n',
  'PROXY TCP6 ff02::1 ::1 5678 443\r\n',
  'PROXY TCP6 ::1 fe80::1 5678 443\r\n',
  'PROXY \r\n',
  'PROXY\r\n',
  'PROX\r\n',
  '\r\n',
  'x\r\n',
  'PROXY TCP4 1.2.3.4 10.0.0.1 5678 443 and more than that until the line is longer than all versions allow it to be.......\r\n',
  `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`,
  `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
  `PROXY UNKNOWN ${'x'.repeat(93)}\r\n`,
  `PROXY UNKNOWN ${'x'.repeat(300)}\r\n`,
  `PROXY UNKNOWN ${'x'.repeat(30)}`,
  'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
  'hi\r\n',
  'hello',
]

const v2 = proxyHeader()
const six = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]
const group = [0xff02, 0, 0, 0, 0, 0, 0, 1]

/** Version 2 headers; data follows each. */
const headers: readonly (readonly [name: string, header: Buffer])[] = [
  ['ipv4', v2],
  ['ipv6', proxyHeader({ family: 0x21, addresses: ipv6Addresses(six, 5678, [0, 0, 0, 0, 0, 0, 0, 1], 443) })],
  [
    'ipv6 mapped',
    proxyHeader({ family: 0x21, addresses: ipv6Addresses([0, 0, 0, 0, 0, 0xffff, 0x102, 0x304], 5678, six, 443) }),
  ],
  ['ipv6 any', proxyHeader({ family: 0x21, addresses: ipv6Addresses([0, 0, 0, 0, 0, 0, 0, 0], 5678, six, 443) })],
  ['ipv6 group', proxyHeader({ family: 0x21, addresses: ipv6Addresses(six, 5678, group, 443) })],
  ['ipv6 too short', proxyHeader({ family: 0x21 })],
  ['udp', proxyHeader({ family: 0x12 })],
  ['unspecified transport', proxyHeader({ family: 0x10 })],
  ['unknown transport', proxyHeader({ family: 0x13 })],
  ['unspecified', proxyHeader({ family: 0, addresses: Buffer.alloc(0) })],
  ['pipe', proxyHeader({ family: 0x31, addresses: Buffer.alloc(216, 0x2f) })],
  ['unknown family', proxyHeader({ family: 0x41 })],
  ['local', proxyHeader({ command: 0x20 })],
  ['local, unspecified', proxyHeader({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })],
  ['local, pipe', proxyHeader({ command: 0x20, family: 0x31, addresses: Buffer.alloc(216) })],
  ['local with tlvs', proxyHeader({ command: 0x20, tlvs: [[2, 'a.test']] })],
  ['local with long rest', proxyHeader({ command: 0x20, addresses: Buffer.alloc(5000) })],
  ['unknown command', proxyHeader({ command: 0x22 })],
  ['version 1 in binary', proxyHeader({ command: 0x11 })],
  ['version 3', proxyHeader({ command: 0x31 })],
  ['length of zero', proxyHeader({ addresses: Buffer.alloc(0) })],
  ['length of eleven', proxyHeader({ addresses: ipv4Addresses('1.2.3.4', 5678, '10.0.0.1', 443).subarray(0, 11) })],
  ['any', proxyHeader({ addresses: ipv4Addresses('0.0.0.0', 5678, '10.0.0.1', 443) })],
  ['broadcast', proxyHeader({ addresses: ipv4Addresses('1.2.3.4', 5678, '255.255.255.255', 443) })],
  ['port zero', proxyHeader({ addresses: ipv4Addresses('1.2.3.4', 0, '10.0.0.1', 0) })],
  ['tlv', proxyHeader({ tlvs: [[2, 'a.test']] })],
  [
    'tlvs',
    proxyHeader({
      tlvs: [
        [2, 'a.test'],
        [0xe0, 'x'],
        [0xe1, '\0\xff'],
        [0xe2, 'y\xc3\xa9\xff'],
        [0xe4, 'z'],
        [3, 'crc!'],
      ],
    }),
  ],
  [
    'tlv twice',
    proxyHeader({
      tlvs: [
        [2, 'a.test'],
        [2, 'b.test'],
      ],
    }),
  ],
  [
    'two tlvs of one key',
    proxyHeader({
      tlvs: [
        [0xe3, 'a.test'],
        [2, 'b.test'],
      ],
    }),
  ],
  ['empty tlv', proxyHeader({ tlvs: [[2, '']] })],
  [
    'empty tlv, then another',
    proxyHeader({
      tlvs: [
        [2, ''],
        [0xe0, 'x'],
      ],
    }),
  ],
  [
    'tlv not utf8',
    proxyHeader({ tlvs: [[2, 'a\xff\xc3(\xe2\x82\xf0\x9f\x98z\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80"']] }),
  ],
  ['tlv cut in its type', proxyHeader({ trailer: u8(2) })],
  ['tlv cut in its length', proxyHeader({ trailer: u8(2, 0) })],
  ['tlv cut in its value', proxyHeader({ trailer: u8(2, 0, 9, 1, 2) })],
  ['tlv, then one cut', proxyHeader({ tlvs: [[2, 'a.test']], trailer: u8(0xe0, 0, 9) })],
  [
    'tlv of 6000',
    proxyHeader({
      tlvs: [
        [0xea, Buffer.alloc(6000)],
        [2, 'a.test'],
      ],
    }),
  ],
  [
    'tlv of 65000',
    proxyHeader({
      tlvs: [
        [0xea, Buffer.alloc(65_000)],
        [2, 'a.test'],
      ],
    }),
  ],
  ['signature cut short', Buffer.from('\r\n\r\n\0\r\nQUIT', 'latin1')],
  ['signature wrong at its end', Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT!', 'latin1'), v2.subarray(12)])],
  ['signature wrong in its middle', Buffer.concat([Buffer.from('\r\n\r\nX\r\nQUIT\n', 'latin1'), v2.subarray(12)])],
]

const data = Buffer.from('data')
const withData = (header: Buffer) => Buffer.concat([header, data])

const cases = [
  ...lines.flatMap((line) => {
    const name = `${JSON.stringify(line.slice(0, 60))} of ${line.length}`
    return [sends(`v1 ${name}`, 'plain', `${line}data`), sends(`v1 optional ${name}`, 'optional', `${line}data`)]
  }),
  ...headers.flatMap(([name, header]) => [
    sends(`v2 ${name}`, 'plain', withData(header)),
    sends(`v2 optional ${name}`, 'optional', withData(header)),
  ]),
  ...headers
    .filter(([name]) => name.includes('tlv'))
    .flatMap(([name, header]) =>
      ['tlvs', 'tlvs_passed', 'tlvs_state'].map((to) => sends(`${to}: ${name}`, to, withData(header))),
    ),
  sends('v2 alone', 'plain', v2, { steps: [v2.toString('latin1'), { quietMs: 30 }, { halfClose: true }] }),
  sends('v1 where it is not allowed', 'no_v1', `${v1}data`),
  sends('v2 where v1 is not allowed', 'no_v1', withData(v2)),
  sends('nothing where v1 is not allowed', 'no_v1', 'hello this is no header'),
  sends('v1 where v2 is not allowed', 'no_v2', `${v1}data`),
  sends('v2 where it is not allowed', 'no_v2', withData(v2)),
  sends('nothing where v2 is not allowed', 'no_v2', 'hello this is no header'),
  sends('wrong v1 where v2 is not allowed', 'no_v2', 'PROXY x\r\n'),
  sends('optional, v1 where it is not allowed', 'optional_no_v1', `${v1}data`),
  sends('optional, v2 where v1 is not allowed', 'optional_no_v1', withData(v2)),
  sends('optional, v1 where v2 is not allowed', 'optional_no_v2', `${v1}data`),
  sends('optional, v2 where it is not allowed', 'optional_no_v2', withData(v2)),
  sendsPieces('v1 in pieces', 'plain', ['P', 'ROXY TCP4 1.2.3.4 ', '10.0.0.1 5678 443\r', '\nda', 'ta']),
  sendsPieces('v2 in pieces', 'plain', [
    v2.subarray(0, 5),
    v2.subarray(5, 14),
    v2.subarray(14, 20),
    v2.subarray(20),
    data,
  ]),
  sendsPieces(
    'v2 byte by byte to the signature',
    'plain',
    [...v2.subarray(0, 13)].map((byte) => u8(byte)).concat(v2.subarray(13), data),
  ),
  sendsPieces('tlvs in pieces', 'tlvs', [
    proxyHeader({ tlvs: [[2, 'a.test']] }).subarray(0, 30),
    proxyHeader({ tlvs: [[2, 'a.test']] }).subarray(30),
    data,
  ]),
  sendsPieces('optional in pieces', 'optional', ['P', 'RO', 'XIMA\r\n', 'data']),
  sendsPieces('optional like v2 in pieces', 'optional', ['\r\n', '\r\n', 'data']),
  sends('optional, one byte', 'optional', 'P'),
  sends('header, then another', 'plain', `${v1}PROXY TCP4 5.6.7.8 10.0.0.2 1 2\r\ndata`),
  sends('two filters, two headers', 'twice', `${v1}PROXY TCP4 5.6.7.8 10.0.0.2 1 2\r\ndata`),
  sends('two filters, one header', 'twice', `${v1}data that is no header`),
  sends('chain by destination port', 'chains', `${v1}data`),
  sends('chain by destination address', 'chains', 'PROXY TCP4 9.2.3.4 10.0.0.2 5678 444\r\ndata'),
  sends('chain by source address', 'chains', 'PROXY TCP4 1.2.3.4 10.0.0.3 5678 444\r\ndata'),
  sends('chain by source port', 'chains', 'PROXY TCP4 9.2.3.4 10.0.0.3 7 444\r\ndata'),
  sends('chain by direct source, which stays', 'chains', 'PROXY TCP4 9.2.3.4 10.0.0.3 8 444\r\ndata'),
  sends('header in front of no tls', 'with_tls', `${v1}data`),
  sends('nothing, closed', 'plain', '', { steps: [{ halfClose: true }] }),
  sends('half a header, closed', 'plain', '', { steps: ['PROXY TCP', { quietMs: 30 }, { halfClose: true }] }),
  sends('timeout', 'timeout', '', { steps: ['PROXY TCP', { waitClosed: true }] }),
  sends('goes on after the timeout', 'goes_on', '', { steps: ['PROXY TCP', { quietMs: 200 }, 'x'] }),
]

export const proxyProtocolSuite = suite('proxy_protocol', listeners, cases)
