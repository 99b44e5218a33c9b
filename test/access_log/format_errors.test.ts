import { describe, expect, test } from 'vitest'
import { compileFormat, compileJsonFormat, FormatError } from '../../src/access_log/formatter.ts'

/** The message of Envoy 1.40 for each format it refuses. */
const refused: readonly (readonly [format: string, message: string])[] = [
  ['%', "Incorrect configuration: %. Couldn't find valid command at position 0"],
  ['a%', "Incorrect configuration: a%. Couldn't find valid command at position 1"],
  ['é%', "Incorrect configuration: é%. Couldn't find valid command at position 2"],
  ['100%%%', "Incorrect configuration: 100%%%. Couldn't find valid command at position 5"],
  ['%foo%', "Incorrect configuration: %foo%. Couldn't find valid command at position 0"],
  ['%PROTOCOL', "Incorrect configuration: %PROTOCOL. Couldn't find valid command at position 0"],
  ['%PROTOCOL:x%', "Incorrect configuration: %PROTOCOL:x%. Couldn't find valid command at position 0"],
  ['x%PROTOCOL% y%', "Incorrect configuration: x%PROTOCOL% y%. Couldn't find valid command at position 13"],
  ['%REQ(a)x%', "Incorrect configuration: %REQ(a)x%. Couldn't find valid command at position 0"],
  ['%REQ(x\ny)%', "Incorrect configuration: %REQ(x\ny)%. Couldn't find valid command at position 0"],
  ['%FOO%', 'Not supported field in StreamInfo: FOO'],
  ['%WORKER_ID%', 'Not supported field in StreamInfo: WORKER_ID'],
  ['%REQ_WITHOUT_QUERY(a)%', 'Not supported field in StreamInfo: REQ_WITHOUT_QUERY'],
  ['%PROTOCOL(x)%', 'PROTOCOL does not take any parameters or length'],
  ['%PROTOCOL:0%', 'PROTOCOL does not take any parameters or length'],
  ['%REQ%', 'REQ requires parameters'],
  ['%REQ()%', 'REQ requires parameters'],
  ['%REQ(a?b?c)%', 'More than 1 alternative header specified in token: a?b?c'],
  ['%REQ(a b)%', 'Invalid header configuration. Format string contains invalid characters.'],
  ['%REQ(A:B)%', 'Invalid header configuration. Format string contains invalid characters.'],
  ['%REQ(a) %REQ(b)%', 'Invalid header configuration. Format string contains invalid characters.'],
  ['%START_TIME():3%', 'START_TIME does not allow length to be specified.'],
  ['%START_TIME(a%nb)%', 'Invalid header configuration. Format string contains newline.'],
  ['%EMIT_TIME(%n)%', 'Invalid header configuration. Format string contains newline.'],
  ['%CLUSTER_METADATA(x):3%', 'CLUSTER_METADATA does not allow length to be specified.'],
  ['%CLUSTER_METADATA:3%', 'CLUSTER_METADATA requires parameters'],
  ['%METADATA(a:b:c)%', 'a is not supported type of metadata'],
  ['%METADATA%', ' is not supported type of metadata'],
  ['%FILTER_STATE%', 'Invalid filter state configuration, key cannot be empty.'],
  ['%FILTER_STATE(a:b)%', 'Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.'],
  ['%FILTER_STATE(a:FIELD:)%', 'Invalid filter state serialize type, FIELD should be used with the field name.'],
  ['%FILTER_STATE(a:PLAIN:x)%', 'Invalid filter state serialize type, FIELD should be used with the field name.'],
  ['%QUERY_PARAMS(x)%', "Invalid QUERY_PARAMS option: 'x', only 'ORIG'/'DECODED' are allowed"],
  ['%PATH(x)%', "Invalid PATH option: 'x', only 'WQ'/'NQ' are allowed"],
  ['%PATH(NQ:x)%', "Invalid PATH option: 'x', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"],
  ['%GRPC_STATUS(x)%', 'GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: x'],
  ['%COMMON_DURATION(x)%', 'Invalid common duration configuration: x.'],
  ['%COMMON_DURATION(x:y:ms:z)%', 'Invalid common duration configuration: x:y:ms:z.'],
  ['%COMMON_DURATION(a:b:s)%', 'Invalid common duration precision: s.'],
  [
    '%REQUESTED_SERVER_NAME(x)%',
    "Invalid REQUESTED_SERVER_NAME option: 'x', only 'SNI_ONLY'/'SNI_FIRST'/'HOST_FIRST' are allowed",
  ],
  [
    '%REQUESTED_SERVER_NAME(:x)%',
    "Invalid REQUESTED_SERVER_NAME option: 'x', only 'ORIG_OR_HOST'/'HOST'/'ORIG' are allowed",
  ],
  ['%XFCC_VALUE%', 'XFCC_VALUE command requires a subcommand'],
  ['%XFCC_VALUE(x)%', 'XFCC_VALUE command does not support subcommand: x'],
  ['%COALESCE%', 'COALESCE requires parameters'],
  ['%COALESCE({})%', "COALESCE: JSON configuration must contain 'operators' array"],
  ['%COALESCE({"operators":[]})%', "COALESCE: 'operators' array must not be empty"],
  ['%COALESCE({"operators":["NOPE"]})%', "COALESCE: failed to parse operator at index 0: unknown command: 'NOPE'"],
  [
    '%COALESCE({"operators":["PROTOCOL",{"command":"REQ"}]})%',
    'COALESCE: failed to parse operator at index 1: REQ requires parameters',
  ],
  [
    '%COALESCE({"operators":[{"command":"REQ","param":"x","max_length":-3}]})%',
    "COALESCE: failed to parse operator at index 0: 'max_length' must be a positive integer",
  ],
]

const accepted = [
  '',
  '%%',
  'é',
  '%PROTOCOL()%',
  '%REQ(a?)%',
  '%REQ(:foo)%',
  "%REQ(a_b!#$%&'*+-.^`|~)%",
  '%START_TIME(a%)%',
  '%START_TIME(%E4n)%',
  '%PATH()%',
  '%PATH(NQ:ORIG:x)%',
  '%METADATA(ROUTE)%',
  '%METADATA(LISTENER_FILTER_CHAIN:a)%',
  '%COMMON_DURATION(:y)%',
  '%RESPONSE_CODE_DETAILS(x)%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%',
  '%DOWNSTREAM_PEER_CERT_V_START(%Y)%',
]

describe('a format that Envoy refuses is refused in its words', () => {
  test.each(refused)('%s', (format, message) => {
    expect(() => compileFormat(format)).toThrow(new FormatError(message))
    expect(() => compileJsonFormat({ key: ['x', { deep: format }] })).toThrow(new FormatError(message))
  })

  test('an operator that Nuncio lacks says so', () => {
    expect(() => compileFormat('%CEL(request.path)%')).toThrow(/CEL expressions are known to Envoy but not supported/)
  })
})

test.each(accepted)('accepted: %s', (format) => {
  expect(() => compileFormat(format)).not.toThrow()
})
