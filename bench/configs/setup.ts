// What all proxies of a scenario are configured to do; one file beside this one writes it in each proxy's language.

export interface Setup {
  readonly protocol: 'http' | 'tcp'
  /** What clients speak; HTTP/2 without being asked for it. */
  readonly downstream: 'http1' | 'http2'
  readonly upstream: 'http1' | 'http2'
  /** What clients come with: TLS whose sessions can be resumed, or cannot. */
  readonly tls: 'none' | 'resumable' | 'notResumable'
  readonly workers: number
  /** 0: one route takes everything. Else so many prefixes, see `routePath`. */
  readonly routeCount: number
  readonly accessLog: boolean
  /** Of what brings clusters and routes; 0: they are configured. */
  readonly controlPlanePort: number
  /** Of the rate limit service that is asked for each request; 0: there is none. */
  readonly rateLimitPort: number
}

export const plainHttp: Setup = {
  protocol: 'http',
  downstream: 'http1',
  upstream: 'http1',
  tls: 'none',
  workers: 1,
  routeCount: 0,
  accessLog: false,
  controlPlanePort: 0,
  rateLimitPort: 0,
}
export const plainTcp: Setup = { ...plainHttp, protocol: 'tcp' }

/** All on 127.0.0.1. */
export interface Ports {
  readonly listen: number
  readonly admin: number
  readonly backend: number
}

/** The prefix of the route with this number. */
export function routePrefix(index: number): string {
  return `/service-${index}/`
}

export function routePrefixes(setup: Setup): string[] {
  return Array.from({ length: setup.routeCount }, (_, index) => routePrefix(index))
}
