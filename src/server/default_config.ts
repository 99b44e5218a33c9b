// What runs without a configuration file: a front proxy, the admin interface, and a small backend of its own.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Starts the backend; every answer tells what it was asked. */
export async function startDefaultBackend(): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    const body = {
      backend: 'nuncio default backend',
      method: request.method,
      path: request.url,
      headers: request.headers,
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(body, undefined, 2)}\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return { server, port: (server.address() as AddressInfo).port }
}

/** Envoy's bootstrap YAML of the default. */
export function defaultConfigYaml(backendPort: number): string {
  return `
admin:
  address: { socket_address: { address: 127.0.0.1, port_value: 9901 } }
static_resources:
  listeners:
  - name: front_proxy
    address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front_proxy
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { path: /hello }
                direct_response: { status: 200, body: { inline_string: "hello from nuncio\\n" } }
              - match: { prefix: / }
                route: { cluster: default_backend }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: default_backend
    type: STATIC
    load_assignment:
      cluster_name: default_backend
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${backendPort} } } }
`
}

export const defaultConfigHint = `nuncio runs its built-in default. Try:
  curl http://127.0.0.1:10000/hello        answered by the proxy itself
  curl http://127.0.0.1:10000/any/path     proxied to the embedded backend
  curl 'http://127.0.0.1:9901/stats?usedonly'
Run a file of your own: npm start -- -c envoy.yaml
`
