/** Configurations of the gRPC-JSON transcoder that Envoy accepts or refuses in `--mode validate`. */
import { buildDescriptorSet } from '../../support/descriptor_set.ts'
import { boot, type VerdictCase } from './verdict_cases.ts'

const ROUTER =
  '- { name: r, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }'
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder'

const config = (name: string, fields: string): VerdictCase => ({
  name: `transcoder: ${name}`,
  yaml: boot({ filters: `- { name: t, typed_config: { "@type": ${TYPE}, ${fields} } }\n${ROUTER}` }),
})
const onRoute = (name: string, fields: string): VerdictCase => ({
  name: `transcoder on a route: ${name}`,
  yaml: boot({
    filters: `- { name: t, typed_config: { "@type": ${TYPE}, ${good}, services: [] } }\n${ROUTER}`,
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { t: { "@type": ${TYPE}, ${fields} } } }`,
  }),
})

function proto(rule: string): string {
  return `
syntax = "proto3";
package p;
message M { string name = 1; N inner = 2; repeated N list = 3; }
message N { string name = 1; M outer = 2; }
service S {
  rpc Call(M) returns (N) { ${rule === '' ? '' : `option (google.api.http) = { ${rule} };`} }
}
`
}

const set = (...texts: readonly string[]) =>
  `proto_descriptor_bin: "${buildDescriptorSet(...texts).toString('base64')}"`
const good = set(proto('get: "/a"'))
const rule = (text: string) => config(`rule ${text}`, `${set(proto(text))}, services: [ p.S ]`)
const template = (path: string) => rule(`get: "${path}"`)

/** The file of a set alone, without those that it imports. */
function withoutImports(): string {
  const text = `
syntax = "proto3";
package q;
message Q { google.protobuf.Any any = 1; }
service T { rpc Call(Q) returns (Q) {} }
`
  const all = buildDescriptorSet(text)
  // The files stand one after another: the last one is the text's own.
  let at = 0
  let last = 0
  while (at < all.length) {
    last = at
    let length = 0
    let shift = 0
    at++
    for (; ; shift += 7) {
      const byte = all[at++]
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    at += length
  }
  return `proto_descriptor_bin: "${all.subarray(last).toString('base64')}"`
}

export const transcoderVerdictCases: readonly VerdictCase[] = [
  config('good', `${good}, services: [ p.S ]`),
  config('no descriptor', 'services: [ p.S ]'),
  config('no services', good),
  config('no services and no such file', 'proto_descriptor: /no/such/file'),
  config('no such file', 'proto_descriptor: /no/such/file, services: [ p.S ]'),
  config('a folder', 'proto_descriptor: /tmp, services: [ p.S ]'),
  config('no descriptor set', 'proto_descriptor_bin: "AAECAwQ=", services: [ p.S ]'),
  config('no base64', 'proto_descriptor_bin: "*", services: [ p.S ]'),
  config('an empty set', 'proto_descriptor_bin: "", services: [ p.S ]'),
  config('missing imports', `${withoutImports()}, services: [ q.T ]`),
  config('an unknown service', `${good}, services: [ p.X ]`),
  config('a message as a service', `${good}, services: [ p.M ]`),
  config('a method as a service', `${good}, services: [ p.S.Call ]`),
  config('a service with a dot', `${good}, services: [ .p.S ]`),
  config('a service twice', `${good}, services: [ p.S, p.S ]`),
  config('no rule', `${set(proto(''))}, services: [ p.S ]`),
  config('no rule, mapped', `${set(proto(''))}, services: [ p.S ], auto_mapping: true`),
  config('a limit of 0', `${good}, services: [ p.S ], max_request_body_size: 0`),
  config('a response limit of 0', `${good}, services: [ p.S ], max_response_body_size: 0`),
  config('an unknown unescape spec', `${good}, services: [ p.S ], url_unescape_spec: NONE`),
  config('converted status', `${good}, services: [ p.S ], convert_grpc_status: true`),
  onRoute('good', `${good}, services: [ p.S ]`),
  onRoute('an unknown service', `${good}, services: [ p.X ]`),
  onRoute('no such file', 'proto_descriptor: /no/such/file, services: [ p.S ]'),
  ...[
    'get: "/a" body: "*"',
    'get: "/a" body: "inner.name"',
    'get: "/a" body: "inner.outer.inner"',
    'get: "/a" body: "list.name"',
    'get: "/a" body: "name.x"',
    'get: "/a" body: "nope"',
    'get: "/a" response_body: "*"',
    'get: "/a" response_body: "name"',
    'get: "/a" response_body: "nope"',
    'get: "/a" response_body: "outer"',
    'get: "/a" additional_bindings { get: "b" }',
    'get: "/a" additional_bindings { post: "/b" body: "nope" }',
    'get: "/a" additional_bindings { get: "/b" additional_bindings { get: "c" } }',
    'custom { kind: "X" path: "/a" }',
    'custom { kind: "" path: "" }',
    'body: "*"',
  ].map(rule),
  ...['', '/', '/a/**/*', '/a/**/b:c', '/{name=a/**}/b', '/{nope}', '/{name={inner.name}}', '/a:b/c'].map(template),
]
