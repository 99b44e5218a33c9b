/** Filters whose configuration is discovered, as Envoy accepts or refuses them in a configuration. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const filters = 'type.googleapis.com/envoy.extensions.filters'
const CORS = `${filters}.http.cors.v3.Cors`
const ROUTER = `${filters}.http.router.v3.Router`
const ECHO = `${filters}.network.echo.v3.Echo`
const TLS_INSPECTOR = `${filters}.listener.tls_inspector.v3.TlsInspector`
const routerFilter = `{ name: r, typed_config: { "@type": ${ROUTER} } }`
const source = 'config_source: { path_config_source: { path: /dev/null }, resource_api_version: V3 }'
const node = 'node: { id: n, cluster: c }'

const discovery = (types: string, extra = '', from = source) =>
  `config_discovery: { ${from === '' ? '' : `${from}, `}type_urls: [ ${types} ]${extra === '' ? '' : `, ${extra}`} }`
const http = (name: string, discovered: string, more = '', last = `\n- ${routerFilter}`): VerdictCase => ({
  name: `discovered filter: ${name}`,
  yaml: boot({ top: node, filters: `- { name: f${more === '' ? '' : `, ${more}`}, ${discovered} }${last}` }),
})
const network = (name: string, chain: string): VerdictCase => ({
  name: `discovered filter: ${name}`,
  yaml: `
${node}
static_resources:
  listeners:
  - name: l
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains: [ { filters: [ ${chain} ] } ]
`,
})
const listener = (name: string, filter: string): VerdictCase => ({
  name: `discovered filter: ${name}`,
  yaml: boot({ top: node, listener: `listener_filters: [ { name: f, ${filter} } ]` }),
})
const withDefault = (type: string) => `default_config: { "@type": ${type} }`

export const discoveryVerdictCases: readonly VerdictCase[] = [
  http('from a file', discovery(CORS)),
  http('with a default', discovery(CORS, withDefault(CORS))),
  http('of two types', discovery(`${CORS}, ${ROUTER}`)),
  http('without types', discovery('')),
  http('without a source', discovery(CORS, '', '')),
  http('of an unknown type', discovery('type.googleapis.com/envoy.nope.v3.Nope')),
  http('of a bare type', discovery(CORS.replace('type.googleapis.com/', ''))),
  http('of a type of another category', discovery(ECHO)),
  http('with a default of another type', discovery(CORS, withDefault(ROUTER))),
  http('with a default of another category', discovery(CORS, withDefault(ECHO))),
  http('with a default that ends the chain too early', discovery(ROUTER, withDefault(ROUTER))),
  http('last, with a default', discovery(ROUTER, withDefault(ROUTER)), '', ''),
  http('last, with a default that ends nothing', discovery(CORS, withDefault(CORS)), '', ''),
  http('last, without a default', discovery(CORS), '', ''),
  http('last, disabled', discovery(ROUTER), 'disabled: true', ''),
  http('disabled', discovery(CORS), 'disabled: true'),
  http('optional', discovery(CORS), 'is_optional: true'),
  http('without warming', discovery(CORS, 'apply_default_config_without_warming: true')),
  http(
    'without warming, with a default',
    discovery(CORS, `apply_default_config_without_warming: true, ${withDefault(CORS)}`),
  ),
  http('from an aggregated stream that there is not', discovery(CORS, '', 'config_source: { ads: {} }')),
  http('from a file that there is not', discovery(CORS, '', 'config_source: { path_config_source: { path: /none } }')),
  http(
    'from a cluster that there is not',
    discovery(
      CORS,
      '',
      'config_source: { api_config_source: { api_type: GRPC, grpc_services: [ { envoy_grpc: { cluster_name: none } } ] } }',
    ),
  ),
  {
    name: 'discovered filter: of an upgrade',
    yaml: boot({
      top: node,
      hcm: `upgrade_configs: [ { upgrade_type: websocket, filters: [ { name: f, ${discovery(ROUTER)} } ] } ]`,
    }),
  },
  network('of a connection', `{ name: f, ${discovery(ECHO)} }`),
  network('of a connection, with a default', `{ name: f, ${discovery(ECHO, withDefault(ECHO))} }`),
  network('of a connection, of an HTTP type', `{ name: f, ${discovery(CORS)} }`),
  network(
    'of a connection, with a default that ends the chain too early',
    `{ name: f, ${discovery(ECHO, withDefault(ECHO))} }, { name: e, typed_config: { "@type": ${ECHO} } }`,
  ),
  network(
    'of a connection, without warming',
    `{ name: f, ${discovery(ECHO, 'apply_default_config_without_warming: true')} }`,
  ),
  listener('of a socket', discovery(TLS_INSPECTOR)),
  listener('of a socket, with a default', discovery(TLS_INSPECTOR, withDefault(TLS_INSPECTOR))),
  listener('of a socket, of another category', discovery(ECHO)),
  listener('of a socket, without warming', discovery(TLS_INSPECTOR, 'apply_default_config_without_warming: true')),
  {
    name: 'optional filter of a type that nobody has',
    yaml: boot({
      filters: `- { name: f, is_optional: true, typed_config: { "@type": type.googleapis.com/envoy.nope.v3.Nope } }\n- ${routerFilter}`,
    }),
  },
  {
    name: 'optional filter that is no HTTP filter',
    yaml: boot({ filters: `- { name: f, is_optional: true, typed_config: { "@type": ${ECHO} } }\n- ${routerFilter}` }),
  },
  {
    name: 'last filter disabled',
    yaml: boot({ filters: `- { name: f, disabled: true, typed_config: { "@type": ${ROUTER} } }` }),
  },
  {
    name: 'optional filter at the end',
    yaml: boot({ filters: `- ${routerFilter}\n- { name: f, is_optional: true, typed_config: { "@type": ${ECHO} } }` }),
  },
]
