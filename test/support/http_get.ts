/** One-shot HTTP requests of tests to admin interfaces. */
import { request } from 'node:http'

export interface SimpleResponse {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** `address` is `ip:port`. */
export function httpRequest(
  address: string,
  path: string,
  method = 'GET',
  timeoutMs = 5000,
  headers: Record<string, string> = {},
): Promise<SimpleResponse> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: address.slice(0, colon), port: address.slice(colon + 1), path, method, agent: false, headers },
      (response) => {
        if (method === 'HEAD') {
          // Envoy's admin interface sends a body to HEAD, which the parser refuses: the head is all that counts here.
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' })
          sent.destroy()
          return
        }
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`${address}${path}: no answer in ${timeoutMs} ms`)))
    sent.on('error', reject)
    sent.end()
  })
}
