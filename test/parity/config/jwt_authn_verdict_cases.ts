/** Requirements of tokens that Envoy accepts or refuses in a configuration. */
import { ecKey, keySet, octKey } from '../../support/json_web_token.ts'
import { boot, type VerdictCase } from './verdict_cases.ts'

const EXT = 'type.googleapis.com/envoy.extensions'
const ROUTER = `- { name: r, typed_config: { "@type": ${EXT}.filters.http.router.v3.Router } }`
const good = ecKey('P-256')
const set = (text: string) => `local_jwks: { inline_string: ${JSON.stringify(text)} }`
const KEYS = set(keySet(good))

const jwt = (name: string, fields: string): VerdictCase => ({
  name: `jwt: ${name}`,
  yaml: boot({
    filters: `- { name: f, typed_config: { "@type": ${EXT}.filters.http.jwt_authn.v3.JwtAuthentication, ${fields} } }\n${ROUTER}`,
  }),
})
const provider = (name: string, fields: string): VerdictCase =>
  jwt(`provider, ${name}`, `providers: { p: { issuer: me, ${fields} } }`)
const keys = (name: string, text: string): VerdictCase => provider(`keys, ${name}`, set(text))
const rule = (name: string, fields: string): VerdictCase =>
  jwt(
    `rule, ${name}`,
    `providers: { p: { ${KEYS} } }, requirement_map: { r: { provider_name: p } }, rules: [ { ${fields} } ]`,
  )
const MATCH = 'match: { prefix: / }'

export const jwtAuthnVerdictCases: readonly VerdictCase[] = [
  jwt('nothing', 'stat_prefix: a'),
  provider('keys', KEYS),
  provider('no keys', 'forward: true'),
  provider('a header without a name', `${KEYS}, from_headers: [ { value_prefix: a } ]`),
  provider('a claim without a header', `${KEYS}, claim_to_headers: [ { claim_name: a } ]`),
  provider('a header without a claim', `${KEYS}, claim_to_headers: [ { header_name: a } ]`),
  provider(
    'a claim by name and path',
    `${KEYS}, claim_to_headers: [ { header_name: a, claim_name: b, claim_path: [ { key: c } ] } ]`,
  ),
  provider('a bad subject', `${KEYS}, subjects: { safe_regex: { regex: "(" } }`),
  provider('a lifetime below nothing', `${KEYS}, max_lifetime: -1s`),
  keys('an empty list', '{"keys": []}'),
  keys('one of an unknown kind', '{"keys": [{"kty": "x"}]}'),
  keys('one right and one wrong', keySet(octKey('x', { alg: 'ES256' }), good)),
  keys('with lines that break within a key', keySet(good).replace(/"x":"(.{9})/, '"x":"$1\n      ')),
  keys('one right and one that is none', JSON.stringify({ keys: [good.jwk, 5] })),
  rule('without a requirement', MATCH),
  rule('without a match', 'requires: { provider_name: p }'),
  rule('of an unknown name', `${MATCH}, requirement_name: s`),
  rule('of an unknown provider', `${MATCH}, requires: { provider_name: q }`),
  rule(
    'of an unknown provider, deep',
    `${MATCH}, requires: { requires_any: { requirements: [ { allow_missing: {} }, { provider_and_audiences: { provider_name: q } } ] } }`,
  ),
  rule('of one alternative', `${MATCH}, requires: { requires_any: { requirements: [ { provider_name: p } ] } }`),
]
