// haproxy.cfg of a scenario, and the map of its routes.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchCertificate } from '../certificate.ts'
import { type Ports, routePrefixes, type Setup } from './setup.ts'

/** Writes the map of routes into the folder where there is one. */
export function haproxyConfig(setup: Setup, ports: Ports, folder: string): string {
  const isHttp = setup.protocol === 'http'
  return `global
  nbthread ${setup.workers}
  maxconn 9000
  ${setup.tls === 'notResumable' ? 'tune.ssl.cachesize 0' : ''}
  ${setup.accessLog ? 'log stdout len 4096 format raw local0 info' : ''}
defaults
  mode ${setup.protocol}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  ${isHttp ? 'timeout http-keep-alive 1h\n  http-reuse always' : ''}
  ${setup.accessLog ? `log global\n  log-format "${jsonLog}"` : ''}
frontend bench
  bind 127.0.0.1:${ports.listen} backlog 4096${bindOptions(setup)}
  ${isHttp ? httpFrontend(setup, folder) : ''}
  ${isHttp && setup.routeCount > 0 ? '' : 'default_backend backend'}
backend backend
  server one 127.0.0.1:${ports.backend} ${isHttp ? 'pool-max-conn 1024' : ''}${setup.upstream === 'http2' ? ' proto h2' : ''}
`
}

function bindOptions(setup: Setup): string {
  const tickets = setup.tls === 'notResumable' ? ' no-tls-tickets' : ''
  const tls = setup.tls === 'none' ? '' : ` ssl crt ${benchCertificate().bothPath}${tickets}`
  return setup.downstream === 'http2' ? `${tls} proto h2` : tls
}

function httpFrontend(setup: Setup, folder: string): string {
  const headers = `http-request set-header X-Request-Id %[uuid]
  http-request set-header X-Forwarded-Proto http`
  if (setup.routeCount === 0) return headers
  const map = join(folder, 'routes.map')
  writeFileSync(
    map,
    routePrefixes(setup)
      .map((prefix) => `${prefix} backend\n`)
      .join(''),
  )
  return `${headers}
  use_backend %[path,map_beg(${map})]`
}

/** A line a request to standard output: it has no file to write to, and no buffer for one. */
const jsonLog = [
  '{\\"start\\":\\"%T\\"',
  '\\"method\\":\\"%HM\\"',
  '\\"path\\":\\"%HU\\"',
  '\\"protocol\\":\\"%HV\\"',
  '\\"code\\":%ST',
  '\\"flags\\":\\"%tsc\\"',
  '\\"details\\":\\"%hr\\"',
  '\\"received\\":%U',
  '\\"sent\\":%B',
  '\\"duration\\":%Ta',
  '\\"service_time\\":%Tr',
  '\\"agent\\":\\"%hs\\"',
  '\\"id\\":\\"%ID\\"',
  '\\"authority\\":\\"%f\\"',
  '\\"host\\":\\"%si:%sp\\"}',
].join(',')
