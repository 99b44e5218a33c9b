// Tells from a first line whether a connection speaks HTTP/1: with the leniency of the parser that Envoy's inspector uses,
// since what is let through here is still parsed by the codec behind it.

export type DetectedHttp = 'http/1.0' | 'http/1.1'

/** A method, whole or not; what follows a whole one is looked at when the line is there. */
const methodStartPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t\r]|$)/
const pathPattern = /^[\t\f!-~]*$/
const hostPattern = /^[A-Za-z0-9!$%&'()*+,\-.:;=@[\]_~]*$/
const schemePattern = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//
const versionPattern = /^HTTP\/[0-9]\.[0-9]$/

/** `line` is the first line without its line feed; undefined for what is no request. */
export function detectHttp1(line: string): DetectedHttp | undefined {
  const parts = line.split(/[\x00-\x20]+/).filter((part) => part !== '')
  const [method, target, version = '', more] = parts
  if (!mayBeRequest(line)) return undefined
  if (method === undefined || target === undefined || more !== undefined) return undefined
  if (!isTarget(target, method === 'CONNECT')) return undefined
  if (version !== '' && !versionPattern.test(version)) return undefined
  return version === 'HTTP/1.1' ? 'http/1.1' : 'http/1.0'
}

function isTarget(target: string, isConnect: boolean): boolean {
  if (target[0] === '/' || target[0] === '*') return pathPattern.test(target)
  const scheme = isConnect ? '' : schemePattern.exec(target)?.[0]
  if (scheme === undefined) return false
  const rest = target.slice(scheme.length)
  const pathStart = rest.search(/[/?]/)
  const host = pathStart < 0 ? rest : rest.slice(0, pathStart)
  return hostPattern.test(host) && !host.includes('@@') && pathPattern.test(rest.slice(host.length))
}

/** Whether bytes without a line end may still become a request: its method ends at white space. */
export function mayBeRequest(start: string): boolean {
  return methodStartPattern.test(start)
}
