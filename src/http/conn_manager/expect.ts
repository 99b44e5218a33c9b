// `Expect: 100-continue` (RFC 9110 10.1.1): the client waits for an interim response before it sends the body.

import { HeaderMap } from '../../common/header_map.ts'

/** The response that the client waits for, with its expectation removed; undefined where it has none that is known. */
export function answerToExpect(headers: HeaderMap): HeaderMap | undefined {
  const values = headers.getAll('expect')
  if (values.length !== 1 || values[0].toLowerCase() !== '100-continue') return undefined
  headers.remove('expect')
  const interim = new HeaderMap()
  interim.status = 100
  return interim
}
