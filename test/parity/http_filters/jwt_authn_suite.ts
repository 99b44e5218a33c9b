/** envoy.filters.http.jwt_authn with key sets of the configuration: tokens right and wrong, where they stand, what is required. */
import { ecKey, edKey, keySet, makeToken, octKey, rsaKey } from '../../support/json_web_token.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, request } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener, routes } from '../yaml.ts'

const EXT = 'type.googleapis.com/envoy.extensions'
const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% route=%ROUTE_NAME% jwt=%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%'
const FAR = 4_102_444_800
const LONG_AGO = 1_000_000_000
const inMinutes = (minutes: number) => Math.floor(Date.now() / 1000) + minutes * 60

const es256 = ecKey('P-256')
const other = ecKey('P-256')
const rsa = rsaKey()
const keys = {
  es256,
  es384: ecKey('P-384', { kid: 'k384' }),
  es512: ecKey('P-521', { alg: 'ES512' }),
  rsa,
  ed: edKey(),
  oct: octKey('a secret that is long enough for all'),
}
const inline = (text: string) => `local_jwks: { inline_string: ${JSON.stringify(text)} }`
const ES = inline(keySet(es256))

/** Each has a path of its own, `/<name>`, that requires its tokens. */
const providers: Readonly<Record<string, string>> = {
  plain: `issuer: me, ${ES}`,
  any_issuer: ES,
  all_keys: `issuer: me, ${inline(keySet(...Object.values(keys)))}`,
  with_ids: `issuer: me, ${inline(keySet(ecKey('P-256', { kid: 'x' }), { ...es256, jwk: { ...es256.jwk, kid: 'y' } }))}`,
  with_algorithm: `issuer: me, ${inline(keySet({ ...rsa, jwk: { ...rsa.jwk, alg: 'RS384' } }))}`,
  audience: `issuer: me, ${ES}, audiences: [ "https://a.test/", b ]`,
  subject: `issuer: me, ${ES}, subjects: { prefix: "spiffe://" }`,
  expires: `issuer: me, ${ES}, require_expiration: true`,
  lifetime: `issuer: me, ${ES}, max_lifetime: 3600s`,
  skew: `issuer: me, ${ES}, clock_skew_seconds: 7200`,
  forward: `issuer: me, ${ES}, forward: true, forward_payload_header: X-Payload, pad_forward_payload_header: true`,
  payload: `issuer: me, ${ES}, forward_payload_header: x-payload, payload_in_metadata: p, header_in_metadata: h`,
  normal: `issuer: me, ${ES}, payload_in_metadata: p, normalize_payload_in_metadata: { space_delimited_claims: [ scope, permission, aud ] }`,
  claims: `issuer: me, ${ES}, claim_to_headers: [ ${[
    ['x-sub', 'sub'],
    ['X-Number', 'number'],
    ['x-big', 'big'],
    ['x-below', 'below'],
    ['x-part', 'part'],
    ['x-true', 'true'],
    ['x-list', 'list'],
    ['x-object', 'object'],
    ['x-deep', 'object.deep'],
    ['x-null', 'null'],
    ['x-none', 'none'],
    ['x-unicode', 'unicode'],
  ]
    .map(([header, claim]) => `{ header_name: ${header}, claim_name: "${claim}" }`)
    .join(', ')}, { header_name: x-path, claim_path: [ { key: "a.b" }, { key: c } ] } ]`,
  header: `issuer: me, ${ES}, from_headers: [ { name: X-Token }, { name: x-other, value_prefix: "tok=" } ]`,
  parameter: `issuer: me, ${ES}, from_params: [ token ]`,
  cookie: `issuer: me, ${ES}, from_cookies: [ session ]`,
  places: `issuer: me, ${ES}, from_headers: [ { name: x-token } ], from_params: [ token ], from_cookies: [ session ], forward: true, payload_in_metadata: p`,
  failing: `issuer: me, ${ES}, failed_status_in_metadata: failed`,
  reroute: `issuer: me, ${ES}, clear_route_cache: true, claim_to_headers: [ { header_name: x-sub, claim_name: sub } ]`,
  you: `issuer: you, ${ES}, payload_in_metadata: you`,
}
const name = (provider: string) => `{ provider_name: ${provider} }`
const requirements: Readonly<Record<string, string>> = {
  own_audience: '{ provider_and_audiences: { provider_name: plain, audiences: [ a ] } }',
  any: `{ requires_any: { requirements: [ ${name('plain')}, ${name('you')} ] } }`,
  all: `{ requires_all: { requirements: [ ${name('header')}, ${name('parameter')} ] } }`,
  nested: `{ requires_any: { requirements: [ { requires_all: { requirements: [ ${name('header')}, ${name('you')} ] } }, ${name('cookie')} ] } }`,
}
const required = Object.entries({
  ...Object.fromEntries(Object.keys(providers).map((provider) => [provider, name(provider)])),
  ...requirements,
})
const rule = (match: string, fields = '') => `{ match: { ${match} }${fields === '' ? '' : `, ${fields}`} }`
/** On listeners whose providers have an issuer each, for tokens of anybody are looked at. */
const optional: Readonly<Record<string, string>> = {
  any_missing: `{ requires_any: { requirements: [ ${name('me')}, { allow_missing: {} } ] } }`,
  any_failed: `{ requires_any: { requirements: [ { allow_missing_or_failed: {} }, ${name('me')} ] } }`,
  any_both: `{ requires_any: { requirements: [ { allow_missing_or_failed: {} }, ${name('me')}, { allow_missing: {} } ] } }`,
  any_alone: '{ requires_any: { requirements: [ { allow_missing: {} }, { allow_missing: {} } ] } }',
  all_missing: `{ requires_all: { requirements: [ ${name('me')}, { allow_missing: {} } ] } }`,
  missing: '{ allow_missing: {} }',
  failed: '{ allow_missing_or_failed: {} }',
}
const optionalAuthn = (...of: readonly string[]) =>
  httpFilter(
    'jwt_authn',
    'JwtAuthentication',
    `providers: { ${of.map((issuer) => `${issuer}: { issuer: ${issuer}, ${ES}, payload_in_metadata: ${issuer}, failed_status_in_metadata: failed, claim_to_headers: [ { header_name: x-sub-${issuer}, claim_name: sub } ] }`).join(', ')} }, rules: [ ${Object.entries(
      optional,
    )
      .map(([key, requirement]) => rule(`path_separated_prefix: /${key}`, `requires: ${requirement}`))
      .join(', ')} ]`,
  )
const rules = [
  rule('path: /open'),
  rule('path: /named', 'requirement_name: named'),
  rule('safe_regex: { regex: "/regex/[0-9]+" }', `requires: ${name('plain')}`),
  rule('prefix: /header', 'requires: { allow_missing: {} }').replace(
    'prefix: /header',
    'prefix: /guarded, headers: [ { name: x-open, present_match: true } ]',
  ),
  rule(
    'prefix: /guarded, query_parameters: [ { name: open, present_match: true } ]',
    'requires: { allow_missing: {} }',
  ),
  rule('prefix: /GUARDED, case_sensitive: false', `requires: ${name('plain')}`),
  ...required.map(([key, requirement]) => rule(`path_separated_prefix: /${key}`, `requires: ${requirement}`)),
]
const authn = (more = '') =>
  httpFilter(
    'jwt_authn',
    'JwtAuthentication',
    `providers: { ${Object.entries(providers)
      .map(([key, fields]) => `${key}: { ${fields} }`)
      .join(
        ', ',
      )} }, rules: [ ${rules.join(', ')} ], requirement_map: { named: ${name('plain')}, second: ${name('you')} }${more}`,
  )
const perRoute = (fields: string) =>
  `typed_per_filter_config: { envoy.filters.http.jwt_authn: { "@type": ${EXT}.filters.http.jwt_authn.v3.PerRouteConfig, ${fields} } }`
const virtualHosts = routes(
  [
    '- { name: second, match: { prefix: "/reroute", headers: [ { name: x-sub, present_match: true } ] }, route: { cluster: main } }',
    `- { match: { prefix: "/plain/disabled" }, route: { cluster: main }, ${perRoute('disabled: true')} }`,
    `- { match: { prefix: "/routed" }, route: { cluster: main }, ${perRoute('requirement_name: named')} }`,
    `- { match: { prefix: "/wrong" }, route: { cluster: main }, ${perRoute('requirement_name: none')} }`,
    '- { name: first, match: { prefix: "/" }, route: { cluster: main } }',
  ].join('\n'),
)

const listeners = [
  httpListener({ name: 'main', logFormat: LOG, filters: authn(), virtualHosts }),
  httpListener({ name: 'two', logFormat: LOG, filters: optionalAuthn('me', 'you') }),
  httpListener({ name: 'single', logFormat: LOG, filters: optionalAuthn('me') }),
  httpListener({
    name: 'quiet',
    logFormat: LOG,
    filters: authn(', strip_failure_response: true, bypass_cors_preflight: true, stat_prefix: own'),
    virtualHosts,
  }),
]

const ME = { iss: 'me', exp: FAR }
const good = makeToken(es256, ME)
const bearer = (token: string) => `Authorization: Bearer ${token}`
const with_ = (payload: Readonly<Record<string, unknown>>) => makeToken(es256, { ...ME, ...payload })
const one = (what: string, requests: readonly string[], listener = 'main'): ParityCase => ({
  name: `jwt: ${what}`,
  listener,
  steps: requests.flatMap((text, i) => [text, { waitCount: ['HTTP/1.1 ', i + 1] as [string, number] }]),
  logLines: requests.length,
  stats: 'jwt_authn',
})
const at = (provider: string, ...tokens: readonly string[]): string[] =>
  tokens.map((token) => get(`/${provider}`, bearer(token)))
const wrong: Readonly<Record<string, string>> = {
  'no token': '',
  'two sections': 'a.b',
  'four sections': 'a.b.c.d',
  'empty sections': 'a..b..c',
  'header that is no base64': `a+b.${good.split('.').slice(1).join('.')}`,
  'header of one letter': `a.${good.split('.').slice(1).join('.')}`,
  'header that is no JSON': makeToken(es256, ME, '{'),
  'header that is a list': makeToken(es256, ME, '[]'),
  'header without algorithm': makeToken(es256, ME, {}),
  'header whose algorithm is a number': makeToken(es256, ME, { alg: 5 }),
  'no algorithm at all': makeToken(es256, ME, { alg: 'none' }),
  'header whose key id is a number': makeToken(es256, ME, { alg: 'ES256', kid: 5 }),
  'payload that is no base64': `${good.split('.')[0]}.a+b.${good.split('.')[2]}`,
  'payload that is no JSON': makeToken(es256, 'x'),
  'payload that is a text': makeToken(es256, '"x"'),
  'payload that is no UTF-8': good.replace(
    /\.[^.]+\./,
    `.${Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')}.`,
  ),
  'payload that is too deep': makeToken(es256, `{"iss":"me","a":${'['.repeat(500)}${']'.repeat(500)}}`),
  'payload that is deep': makeToken(es256, `{"iss":"me","a":${'['.repeat(40)}${']'.repeat(40)}}`),
  'payload with two issuers': makeToken(es256, '{"iss":"them","iss":"me"}'),
  'payload with spaces': makeToken(es256, ' {"iss" : "me"}\n'),
  'payload with more behind it': makeToken(es256, '{"iss":"me"}x'),
  'issuer that is a number': with_({ iss: 5 }),
  'subject that is a list': with_({ sub: [] }),
  'id that is a number': with_({ jti: 5 }),
  'iat that is a text': with_({ iat: '5' }),
  'iat below nothing': with_({ iat: -1 }),
  'nbf that is a text': with_({ nbf: '5' }),
  'exp that is null': with_({ exp: null }),
  'exp below nothing': with_({ exp: -1 }),
  'exp too large': with_({ exp: 1e30 }),
  'audience that is a number': with_({ aud: 5 }),
  'audiences that are numbers': with_({ aud: [5] }),
  'signature that is no base64': `${good.slice(0, good.lastIndexOf('.'))}.+`,
  'signature of another': makeToken(other, ME),
  'signature cut off': good.slice(0, -4),
  'unknown issuer': with_({ iss: 'them' }),
  'no issuer': makeToken(es256, { exp: FAR }),
  'not yet valid': with_({ nbf: FAR }),
  expired: with_({ exp: LONG_AGO }),
}
const signed = (key: keyof typeof keys, alg: string, kid?: string) =>
  makeToken(keys[key], ME, kid === undefined ? { alg } : { alg, kid })
const allKinds = (path: string): string[] => [
  get(`/${path}`, 'x-sub-me: forged', 'x-sub-you: forged'),
  ...at(path, good, makeToken(es256, { iss: 'you', sub: 'y' }), with_({ iss: 'them' }), makeToken(other, ME), 'x'),
  get(`/${path}?access_token=${good}`, bearer(makeToken(other, ME))),
  get(`/${path}?access_token=${makeToken(other, ME)}`, bearer(good)),
  get(`/${path}?access_token=${makeToken(es256, { iss: 'you' })}`, bearer(good)),
]
const PREFLIGHT = request('OPTIONS', '/plain', ['origin: http://a.test', 'access-control-request-method: GET'])

export const jwtAuthnSuite: ParitySuite = {
  name: 'jwt authn',
  yaml: bootstrap(listeners, [cluster('main')]),
  cases: [
    ...Object.entries(wrong).map(([what, token]) => one(`wrong: ${what}`, at('failing', token))),
    one('good', at('plain', good, makeToken(es256, { iss: 'me' }), with_({ exp: 4e9 + 0.5, nbf: 5.5 }))),
    one(
      'padded',
      at(
        'plain',
        makeToken(es256, ME).replace(/\.[^.]*$/, (signature) => `${signature}==`),
      ),
    ),
    one('any issuer', at('any_issuer', good, makeToken(es256, {}), with_({ iss: 'x' }))),
    one('RSA', [
      ...at('all_keys', signed('rsa', 'RS256'), signed('rsa', 'RS384'), signed('rsa', 'RS512')),
      ...at('all_keys', signed('rsa', 'PS256'), signed('rsa', 'PS384'), signed('rsa', 'PS512')),
    ]),
    one('EC', at('all_keys', signed('es256', 'ES256'), signed('es384', 'ES384'), signed('es512', 'ES512'))),
    one(
      'EC of an odd size',
      at('all_keys', signed('es256', 'ES384'), signed('es384', 'ES256'), signed('es512', 'ES384')),
    ),
    one('Ed25519', at('all_keys', signed('ed', 'EdDSA'))),
    one('HMAC', at('all_keys', signed('oct', 'HS256'), signed('oct', 'HS384'), signed('oct', 'HS512'))),
    one('HMAC by what is public', at('plain', makeToken(octKey(JSON.stringify(es256.jwk)), ME, { alg: 'HS256' }))),
    one('key ids', [
      ...at(
        'all_keys',
        signed('es384', 'ES384', 'k384'),
        signed('es384', 'ES384', 'none'),
        signed('es256', 'ES256', 'x'),
      ),
      ...at('with_ids', good, makeToken(es256, ME, { alg: 'ES256', kid: 'y' })),
      ...at(
        'with_ids',
        makeToken(es256, ME, { alg: 'ES256', kid: 'x' }),
        makeToken(es256, ME, { alg: 'ES256', kid: 'z' }),
      ),
    ]),
    one('algorithm of the key', at('with_algorithm', signed('rsa', 'RS256'), signed('rsa', 'RS384'))),
    one('audiences', [
      ...at('audience', good, with_({ aud: 'b' }), with_({ aud: ['x', 'http://a.test'] }), with_({ aud: 'c' })),
      ...at('audience', with_({ aud: [] }), with_({ aud: 'b/' }), with_({ aud: 'a.test' })),
      ...at('own_audience', good, with_({ aud: 'a' }), with_({ aud: 'b' })),
    ]),
    one('subjects', at('subject', good, with_({ sub: 'spiffe://x' }), with_({ sub: 'x' }))),
    one('expiration', at('expires', good, makeToken(es256, { iss: 'me' }), with_({ exp: 0 }))),
    one(
      'lifetime',
      at('lifetime', with_({ exp: inMinutes(50) }), with_({ exp: inMinutes(90) }), makeToken(es256, { iss: 'me' })),
    ),
    one('clock skew', [
      ...at('skew', with_({ exp: inMinutes(-60) }), with_({ exp: inMinutes(-180) })),
      ...at('skew', with_({ nbf: inMinutes(60) }), with_({ nbf: inMinutes(180) })),
      ...at('plain', with_({ exp: inMinutes(-10) }), with_({ nbf: inMinutes(10) })),
    ]),
    one('forwarded', [
      get('/forward', bearer(with_({ a: 'b' })), 'x-payload: mine'),
      get('/forward', bearer(with_({ a: 'bc' }))),
      get(
        '/payload?a=b',
        bearer(with_({ scope: 'a b', n: 5.5, o: { l: [1, null, 'ü'] } })),
        'x-payload: mine',
        'x-payload: too',
      ),
    ]),
    one(
      'normalized',
      at(
        'normal',
        with_({ scope: 'a  b c ', permission: ['a b'], aud: '', other: 'd e' }),
        with_({ scope: 'one', permission: ' ', aud: 'a b' }),
      ),
    ),
    one('claims', [
      get(
        '/claims',
        bearer(
          with_({
            sub: 'me too',
            number: 5,
            big: 2 ** 53,
            below: -5,
            part: 5.25,
            true: true,
            list: ['a', 1, 1.5, -2e-9, 1e21, true, null, [], { a: {} }],
            object: { deep: 'down' },
            null: null,
            unicode: 'ü',
            'a.b': { c: 'path' },
          }),
        ),
        'x-sub: forged',
        'x-none: forged',
      ),
      get('/claims', bearer(with_({ sub: '', list: ['~~~???>>>'], object: {} })), 'x-sub: forged'),
    ]),
    one('in headers', [
      get('/header', `x-token: ${good}`),
      get('/header', `x-other: x tok= ${good}`),
      get('/header', `x-other: ${good}`),
      get('/header', `x-other: tok=`),
      get('/header', bearer(good)),
      get('/header', `x-token: ${good}`, 'x-token: x'),
      get('/header', `x-token: ${good}`, `x-token: ${with_({ a: 1 })}`),
      get('/plain', `authorization: bearer ${good}`),
      get('/plain', `authorization: Basic x, Bearer  ${good}`),
      get('/plain', 'authorization: Basic x'),
    ]),
    one('in parameters', [
      get(`/plain?access_token=${good}`),
      get(`/plain?b=1&access_token=${good}&a=2`),
      get(`/parameter?token=${good}`),
      get(`/parameter?b=%41&token=${good}&a&b=2&c=d=e`),
      get(`/parameter?Token=${good}`),
      get(`/parameter?token=x&token=${good}`),
    ]),
    one('in cookies', [
      get('/cookie', `cookie: a=b; session=${good}; c=d`),
      get('/cookie', `cookie: session="${good}"`),
      get('/cookie', `cookie: session=x`),
    ]),
    one('in several places', [
      get(
        `/places?token=${good}`,
        `x-token: ${with_({ sub: 'header' })}`,
        `cookie: session=${with_({ sub: 'cookie' })}`,
      ),
      get(`/places?token=${good}`, 'x-token: x'),
      get('/places?token=x', `x-token: ${good}`),
    ]),
    ...['any', 'named', 'open', 'nothing', 'routed', 'wrong', 'plain/disabled'].map((path) =>
      one(`required: ${path}`, allKinds(path)),
    ),
    ...['two', 'single'].flatMap((listener) =>
      Object.keys(optional).map((path) => one(`required of ${listener}: ${path}`, allKinds(path), listener)),
    ),
    one('required: all', [
      get('/all'),
      get('/all', `x-token: ${good}`),
      get(`/all?token=${good}`, `x-token: ${good}`),
      get('/all?token=x', `x-token: ${good}`),
    ]),
    one('required: nested', [
      get('/nested', `x-token: ${good}`),
      get('/nested', `x-token: ${good}`, bearer(makeToken(es256, { iss: 'you' }))),
      get('/nested', `x-token: ${good}`, `cookie: session=${good}`),
    ]),
    one('rules', [
      get('/regex/5'),
      get('/regex/x'),
      get('/guarded/x'),
      get('/Guarded?x'),
      get('/guarded', 'x-open: 1'),
      get('/guarded?open'),
      get('/plainly'),
      get('/plain/x?y'),
    ]),
    one('headers that are told from tokens alone', [
      get('/plain', bearer(good), 'x-sub: forged', 'x-payload: forged'),
      get('/open', 'x-sub: forged', 'x-payload: forged', 'x-others: kept'),
      get('/plain/disabled', 'x-sub: forged'),
      get('/nothing', 'x-sub: forged'),
    ]),
    one('a route by what the token says', [...at('reroute', with_({ sub: 'x' })), get('/reroute')]),
    one(
      'quiet',
      [
        get('/plain'),
        ...at('plain', good),
        get('/wrong'),
        ...at('audience', good),
        PREFLIGHT.replace('origin', 'x-sub: forged\r\norigin'),
      ],
      'quiet',
    ),
    one('preflight', [PREFLIGHT]),
    one('a long path', [get(`/plain/${'x'.repeat(300)}`)]),
    one('gRPC', [request('POST', '/plain', ['content-type: application/grpc', 'content-length: 0'])]),
  ],
}
