/** What the transcoder makes of URLs and JSON bodies; the backend sends the message back, so that both ways are seen. */
import type { ParityCase } from '../case.ts'
import { get, post, request } from '../requests.ts'
import { grpcAnswer } from './grpc_messages.ts'
import { ALL_TO_ECHO, transcoderSuite } from './transcoder_yaml.ts'

const STATS = '^(http\\.main\\.(down|rq)|cluster\\.(echo|main)\\.(upstream_rq|grpc))'

/** A body for EchoBook, whose answer is the same book. */
function echo(name: string, body: string, more: Partial<ParityCase> = {}): ParityCase {
  return { name: `json: ${name}`, steps: [post('/v1/echo', body)], ...more }
}

function query(name: string, text: string, more: Partial<ParityCase> = {}): ParityCase {
  return { name: `query: ${name}`, steps: [get(`/v1/echo?${text}`)], ...more }
}

function path(name: string, text: string, more: Partial<ParityCase> = {}): ParityCase {
  return { name: `path: ${name}`, steps: [get(text)], ...more }
}

const bodies: Record<string, string> = {
  'every kind of field':
    '{"id":"12","title":"T","authors":["a","b"],"genre":"FICTION","writer":{"name":"W","home":{"city":"C","lines":["x"]}},' +
    '"inPrint":true,"price":9.5,"cover":"AQID","copies":{"a":1,"b":2},"published":"2024-02-29T12:30:45.123Z","lendingTime":"3.5s",' +
    '"pages":7,"subtitle":"S","extra":{"k":[1,null,true,"s",{"n":{}}]},"note":5,"mask":"fooBar,baz.quxQuux","shelf":"top","edition":0,' +
    '"weight":1.25,"big":"18446744073709551615","offset":-3,"code":4294967295,"ratings":[1,2,3],"helpers":[{"name":"h"},{}],' +
    '"aliasName":"al","list":[1,"x"],"byNumber":{"5":{"name":"five"}},"flag":false,"genres":[1,"SCIENCE_AND_ART"],"byFlag":{"true":"t"},' +
    '"count":3,"far":"-9","serial":"10","low":-1,"deep":"-2","values":[1,null,"a",[2],{"b":3}],"raw":"//8=","nothing":{}}',
  'declared names': '{"in_print":true,"custom_name":"c","lending_time":"1s"}',
  'zeros and empty things':
    '{"id":0,"title":"","authors":[],"inPrint":false,"writer":{},"copies":{},"ratings":[],"extra":{},"list":[]}',
  nulls:
    '{"id":null,"title":null,"writer":null,"note":null,"pages":null,"authors":null,"copies":null,"extra":null,"published":null}',
  'unknown fields': '{"nope":1,"title":"t","writer":{"nope":[1,{"a":2}],"name":"n"}}',
  nothing: '',
  'an empty object': '{}',
  'white space': ' \n\t{ "title" : "t" }\r\n ',
  'single quotes, bare keys and trailing commas': "{title:'t', authors:['a','b',],}",
  escapes: '{"title":"a\\u00e9\\n\\t\\"\\\\\\/\\ud83d\\ude00\\v\\q"}',
  'utf-8': `{"title":"${Buffer.from('grüße, 世界 😀').toString('latin1')}"}`,
  'characters that are printed escaped': `{"title":"<b>&'${Buffer.from('\u007f\u0080\u00ad\u2028\ufeff\u200b').toString('latin1')}"}`,
  'numbers in strings':
    '{"id":"5","price":"1.5","weight":"2e3","offset":"-7","count":"+9","inPrint":"true","flag":"1"}',
  'numbers with fractions of zero': '{"id":5.0,"offset":-2e1,"count":1e2,"ratings":[1.0]}',
  'special numbers': '{"price":"NaN","weight":"-Infinity"}',
  'doubles that need many digits':
    '{"price":0.1,"weight":0.1,"values":[1e21,1e-7,123456789012345678,1.0,100000,1e15,1e16,-0.0,5e-324]}',
  'large and small doubles': '{"price":1.7976931348623157e308,"weight":3.4e38}',
  'large integers': '{"id":9223372036854775807,"big":18446744073709551615,"far":-9223372036854775808}',
  'an integer beyond 32 bits': '{"offset":2147483648}',
  'an integer beyond 64 bits': '{"id":9223372036854775808}',
  'an integer beyond any': '{"big":18446744073709551616}',
  'a negative count': '{"count":-1}',
  'a negative count in a string': '{"count":"-1"}',
  'a fraction for an integer': '{"id":1.5}',
  'text for an integer': '{"id":"abc"}',
  'an empty string for an integer': '{"id":""}',
  'a bool for an integer': '{"id":true}',
  'a number for a string': '{"title":5}',
  'a bool for a string': '{"title":true}',
  'a number for a bool': '{"inPrint":1}',
  'text for a bool': '{"inPrint":"maybe"}',
  'text for a double': '{"price":"x"}',
  'a double too large for a float': '{"weight":1e39}',
  'a number beyond double': '{"price":1e400}',
  'an unknown enum name': '{"genre":"NOVEL"}',
  'an enum in lower case': '{"genre":"fiction"}',
  'an unknown enum number': '{"genre":77}',
  'an enum number in a string': '{"genre":"1"}',
  'an object for a scalar': '{"title":{"a":1}}',
  'a list for a scalar': '{"title":["a"]}',
  'a scalar for a message': '{"writer":5}',
  'a list for a message': '{"writer":[1]}',
  'a scalar for a list': '{"ratings":5,"authors":"one"}',
  'an object for a list': '{"helpers":{"name":"only"}}',
  'a wrong element of a list': '{"ratings":[1,"x",3]}',
  'two wrong elements of a list': '{"ratings":["x",1,"y"]}',
  'a wrong element of a message list': '{"helpers":[{"age":1},{"age":"old"}]}',
  'lists within a list': '{"ratings":[[1,2],[3]]}',
  'null in a list': '{"ratings":[1,null,2],"helpers":[null,{"name":"x"}]}',
  'a wrong field of a message': '{"writer":{"home":{"city":5}}}',
  'a wrong value of a map': '{"copies":{"a":1,"b":"x"}}',
  'a wrong key of a map': '{"byNumber":{"five":{"name":"x"}}}',
  'a key of a map twice': '{"copies":{"a":1,"a":2}}',
  'a list for a map': '{"copies":[1]}',
  'a scalar for a map': '{"copies":5}',
  'an empty list in a map': '{"copies":{"a":[]}}',
  'a list in a map': '{"copies":{"a":[1]}}',
  'a field twice': '{"title":"a","title":"b","id":1,"id":2}',
  'two members of a oneof': '{"shelf":"s","box":1}',
  'a member of a oneof twice': '{"box":1,"box":2}',
  'an optional field twice': '{"edition":1,"edition":2}',
  'bytes for URLs': '{"cover":"_-8","raw":"_-8="}',
  'bytes without padding': '{"cover":"AQ"}',
  'bytes that are not base64': '{"cover":"A*"}',
  'a number for bytes': '{"cover":5}',
  'timestamps with zones': '{"published":"2024-01-01T00:30:00+01:30"}',
  'a timestamp with nanoseconds': '{"published":"1969-12-31T23:59:59.000000001Z"}',
  'a timestamp without a zone': '{"published":"2024-01-01T00:00:00"}',
  'a timestamp of a wrong month': '{"published":"2024-13-01T00:00:00Z"}',
  'a timestamp of a wrong day': '{"published":"2023-02-29T00:00:00Z"}',
  'a timestamp that is none': '{"published":"yesterdayZ"}',
  'a number for a timestamp': '{"published":5}',
  'an object for a timestamp': '{"published":{"seconds":5,"nanos":7}}',
  'a wrong timestamp in an object': '{"published":{"seconds":-99999999999999}}',
  durations: '{"lendingTime":"-0.000000001s"}',
  'a duration without a unit': '{"lendingTime":"5"}',
  'a duration that is none': '{"lendingTime":"xs"}',
  'a duration too long': '{"lendingTime":"315576000001s"}',
  'a duration with too many digits': '{"lendingTime":"1.0123456789s"}',
  'an object for a wrapper': '{"pages":{"value":5}}',
  'text for a wrapper': '{"pages":"x"}',
  masks: '{"mask":"a,b.cD,e(f,gH)"}',
  'a mask with open brackets': '{"mask":"a(b"}',
  'a mask as an object': '{"mask":{"paths":["a_b","c"]}}',
  'a value of an object': '{"note":{"a":{"b":[{}]}}}',
  'a value of a list': '{"note":[1,[2],{"a":null}]}',
  'a list for a struct': '{"extra":[1]}',
  'a scalar for a struct': '{"extra":1}',
  'a struct with a list value': '{"list":{"values":[1]}}',
  any: '{"attachment":{"@type":"type.googleapis.com/library.Author","name":"A","age":3}}',
  'any with its type last': '{"attachment":{"name":"A","@type":"type.googleapis.com/library.Author"}}',
  'any of a duration': '{"attachment":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}}',
  'any of a struct': '{"attachment":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":1}}}',
  'any without a type': '{"attachment":{"name":"A"}}',
  'any of an unknown type': '{"attachment":{"@type":"type.googleapis.com/no.Such"}}',
  'any of a strange URL': '{"attachment":{"@type":"example.com/library.Author"}}',
  'any of a type that is no text': '{"attachment":{"@type":5}}',
  'any that is empty': '{"attachment":{}}',
  'any with a wrong field': '{"attachment":{"@type":"type.googleapis.com/library.Author","age":"x"}}',
  'any of a duration without value':
    '{"attachment":{"@type":"type.googleapis.com/google.protobuf.Duration","seconds":1}}',
  'a list as the root': '[1]',
  'a scalar as the root': '5',
  'null as the root': 'null',
  'text behind the object': '{} x',
  'two objects': '{}{}',
  'an object cut off': '{"title":"t"',
  'a string cut off': '{"title":"t',
  'a number cut off': '{"id":1',
  'a key cut off': '{"tit',
  'a list cut off': '{"ratings":[1,',
  'a missing colon': '{"title" "t"}',
  'a missing comma': '{"title":"t" "id":1}',
  'a missing comma in a list': '{"ratings":[1 2]}',
  'a missing value': '{"title":}',
  'a key that is a number': '{5:1}',
  'a key that is a keyword': '{true:1}',
  'a bare word as a value': '{"title":hello}',
  'a strange character': '{"title":@}',
  'a comment': '{/* c */"title":"t"}',
  'an octal number': '{"id":012}',
  'a hex number': '{"id":0x12}',
  'a number with two points': '{"price":1.2.3}',
  'a lone minus': '{"id":-}',
  'a wrong escape': '{"title":"\\u12g4"}',
  'half a surrogate': '{"title":"\\ud83d"}',
  'half a surrogate and more': '{"title":"\\ud83dabcdef"}',
  'the other half of a surrogate': '{"title":"\\ude00"}',
  'bytes that are no utf-8': '{"title":"\xff"}',
  'a byte order mark': '\xef\xbb\xbf{}',
  html: '<html></html>',
  'nesting at the limit': `{"note":${'['.repeat(99)}${']'.repeat(99)}}`,
  'nesting beyond the limit': `{"note":${'['.repeat(100)}${']'.repeat(100)}}`,
  'objects beyond the limit': `{"note":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`,
}

const queries: Record<string, string> = {
  'every kind of field':
    'id=5&title=T&authors=a&authors=b&genre=FICTION&writer.name=W&writer.home.city=C&writer.home.lines=x&writer.home.lines=y' +
    '&inPrint=true&price=1.5&cover=AQID&published=2024-01-01T00:00:00Z&lendingTime=5s&pages=3&subtitle=s&mask=a,bC&shelf=s' +
    '&edition=2&weight=1&big=7&ratings=1&ratings=2&aliasName=n&flag=true&genres=1&count=4&note=text',
  'declared names': 'in_print=true&custom_name=c',
  escapes: 'title=a%20b%2Bc%C3%A9%zz%&authors=%2F',
  'a plus': 'title=a+b',
  'an escaped name': 'in%5Fprint=true&writer%2Ename=x',
  'no value': 'title=&id',
  'no name': '=x&title=t',
  'an equals sign in the value': 'title=a=b',
  'an unknown name': 'nope=1',
  'an unknown name within a message': 'writer.nope=1',
  'a path through a scalar': 'title.x=1',
  'a path that ends at a message': 'writer=1',
  'a path with an empty part': 'writer..name=x',
  'a map': 'copies.key=a&copies.value=1',
  'a whole map': 'copies=1',
  'a list of messages': 'helpers.name=a&helpers.name=b',
  'text for a number': 'id=abc',
  'text for a bool': 'inPrint=x',
  'an unknown enum name': 'genre=NOVEL',
  'a field twice': 'title=a&title=b',
  'two members of a oneof': 'shelf=a&box=1',
  'a wrong timestamp': 'published=now',
  'a struct': 'extra=1',
  'a fragment of a struct': 'extra.fields=1',
  'a list value': 'list=1',
  nothing: '',
  'a question mark': '?title=x',
  'a quote': 'title="x"',
}

const paths: Record<string, string> = {
  'one segment': '/v1/books/5',
  'one segment with an escape': '/v1/books/%35',
  'one segment that is no number': '/v1/books/x',
  'several segments': '/v1/shelves/a/books/b%20c%2Fd',
  'all the rest': '/v1/rest/a/b%2Fc%20d/e',
  'all the rest, one segment': '/v1/rest/a%2Fb',
  'all the rest, nothing': '/v1/rest',
  'all the rest, nothing behind the slash': '/v1/rest/',
  'all the rest, empty segments': '/v1/rest//a//b',
  'wildcards in the middle': '/v1/part/a/b/c/end',
  'wildcards in the middle, nothing': '/v1/part/a/end',
  'wildcards in the middle, the end twice': '/v1/part/a/end/end',
  'a slash at the end': '/v1/books/5/',
  'slashes at the end': '/v1/books/5//',
  'a double slash': '/v1//books/5',
  'an empty segment': '/v1/books//',
  'another path': '/v2/books/5',
  'the root': '/',
  'an unregistered verb': '/v1/books/5:shut',
  'a colon at the end': '/v1/books/5:',
  'a query with the path': '/v1/books/5?name=n&tags=1&tags=2&filter.title=t&deep=true&mask=a,b',
  'a path variable in the query too': '/v1/books/5?id=6',
  'the path of the method': '/library.Library/GetBook',
}

const EMPTY_ANSWER = grpcAnswer([''])

const others: readonly ParityCase[] = [
  // Envoy crashes where the answer holds such an entry.
  {
    name: 'json: null in a map',
    listener: 'other',
    reply: EMPTY_ANSWER,
    steps: [post('/v1/echo', '{"copies":{"a":null},"byNumber":{"1":null}}')],
  },
  { name: 'verb: post', steps: [post('/v1/books/5:search', '{"title":"t"}')], stats: STATS },
  { name: 'verb: without a body', steps: [request('POST', '/v1/books/5:lock', ['content-length: 0'])] },
  { name: 'verb: with a body for none', steps: [post('/v1/books/5:lock', '{"name":"n","id":7}')] },
  {
    name: 'method: put',
    steps: [`PUT /v1/echo/5 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 13\r\n\r\n{"title":"t"}`],
  },
  {
    name: 'method: put with the variable in the body',
    steps: [`PUT /v1/echo/5 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 8\r\n\r\n{"id":6}`],
  },
  { name: 'method: delete', steps: [request('DELETE', '/v1/books/5?name=x', [])] },
  { name: 'method: head', steps: [request('HEAD', '/v1/check/5', [])] },
  { name: 'method: any', steps: [request('OPTIONS', '/v1/any?id=3', [])] },
  { name: 'method: another one', steps: [request('PATCH', '/v1/books/5', ['content-length: 0'])] },
  { name: 'body: a message', steps: [post('/v1/shelves/s1/books?theme=dark&book.price=2', '{"title":"t"}')] },
  { name: 'body: a message, empty', steps: [post('/v1/shelves/s1/books', '')] },
  { name: 'body: a message, from a list', steps: [post('/v1/shelves/s1/books', '[{"title":"t"}]')] },
  {
    name: 'body: a string',
    steps: [`PATCH /v1/theme?number=3 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 6\r\n\r\n"dark"`],
  },
  { name: 'body: a string, empty', steps: [request('PATCH', '/v1/theme', ['content-length: 0'])] },
  {
    name: 'body: in chunks',
    steps: [
      'POST /v1/echo HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"tit\r\n',
      { quietMs: 60 },
      '8\r\nle":"abc\r\n',
      { quietMs: 60 },
      '2\r\n"}\r\n0\r\n\r\n',
    ],
  },
  {
    name: 'body: in chunks with trailers',
    steps: [
      'POST /v1/echo HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-t: 1\r\n\r\n',
    ],
  },
  {
    name: 'body: wrong in its first chunk',
    steps: ['POST /v1/echo HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{]\r\n', { quietMs: 60 }],
  },
  {
    name: 'body: more behind the object in another chunk',
    steps: [
      'POST /v1/echo HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n',
      { quietMs: 60 },
      '3\r\nxyz\r\n0\r\n\r\n',
    ],
  },
  {
    name: 'body: a character in two chunks',
    steps: [
      'POST /v1/echo HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{"title":"\xc3\r\n',
      { quietMs: 60 },
      '3\r\n\xa9"}\r\n0\r\n\r\n',
    ],
  },
  {
    name: 'headers: content type and te',
    steps: [
      post(
        '/v1/echo',
        '{}',
        'content-type: application/json; charset=utf-8',
        'te: gzip',
        'x-envoy-original-path: /mine',
      ),
    ],
  },
  {
    name: 'headers: a gRPC request passes',
    steps: [post('/v1/echo', '\x00\x00\x00\x00\x00', 'content-type: application/grpc')],
  },
  {
    name: 'headers: a gRPC request to the method passes',
    steps: [post('/library.Library/EchoBook', '\x00\x00\x00\x00\x00', 'content-type: application/grpc+proto')],
  },
  { name: 'headers: expect', steps: [post('/v1/echo', '{}', 'expect: 100-continue')] },
  { name: 'stream: a list', steps: [post('/v1/turn', '[{"text":"a"},{"number":2},{}]')], stats: STATS },
  { name: 'stream: an empty list', steps: [post('/v1/turn', '[]')] },
  { name: 'stream: no body', steps: [post('/v1/turn', '')] },
  { name: 'stream: an object', steps: [post('/v1/turn', '{"text":"a"}')] },
  { name: 'stream: a scalar', steps: [post('/v1/turn', '5')] },
  { name: 'stream: scalars in the list', steps: [post('/v1/turn', '[5]')] },
  { name: 'stream: a list in the list', steps: [post('/v1/turn', '[[{"text":"a"}]]')] },
  { name: 'stream: a wrong element', steps: [post('/v1/turn', '[{"text":"a"},{"number":"x"}]')] },
  { name: 'stream: cut off', steps: [post('/v1/turn', '[{"text":"a"}')] },
  { name: 'stream: a variable for the first message', steps: [post('/v1/pages/7', '[{"text":"a"},{"text":"b"}]')] },
  {
    name: 'stream: in chunks',
    steps: [
      'POST /v1/turn HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\ne\r\n[{"text":"a"},\r\n',
      { quietMs: 60 },
      'd\r\n{"text":"b"}]\r\n0\r\n\r\n',
    ],
  },
]

export const transcoderRequestsSuite = transcoderSuite(
  'gRPC-JSON transcoder, requests',
  { main: { virtualHosts: ALL_TO_ECHO }, other: {} },
  [
    ...Object.entries(bodies).map(([name, body]) => echo(name, body)),
    ...Object.entries(queries).map(([name, text]) => query(name, text)),
    ...Object.entries(paths).map(([name, text]) => path(name, text)),
    ...others,
  ],
)
