// What all proxies of a scenario are configured to do; one file beside this one writes it in each proxy's language.

export interface Setup {
  readonly protocol: 'http' | 'tcp'
  readonly workers: number
  /** 0: one route takes everything. Else so many prefixes, see `routePath`. */
  readonly routeCount: number
  readonly accessLog: boolean
}

export const plainHttp: Setup = { protocol: 'http', workers: 1, routeCount: 0, accessLog: false }
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
