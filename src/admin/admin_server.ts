// The admin interface: an HTTP server of its own in main, one file an endpoint.

import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo as BoundAddress } from 'node:net'
import { getLogger } from '../common/log.ts'
import type { Bootstrap } from '../config/load.ts'
import { ConfigErrors } from '../config/errors.ts'
import { connectOptions, resolveAddress } from '../network/address.ts'
import type { ServerControl } from '../server/server_control.ts'
import { type AdminResponse, findEndpoint } from './endpoints.ts'

const log = getLogger('admin')

/** Serves the admin interface where the bootstrap asks for one. */
export async function startAdmin(control: ServerControl, bootstrap: Bootstrap): Promise<void> {
  const view = bootstrap.admin?.address
  if (view === undefined || bootstrap.admin === undefined) return
  const address = resolveAddress(view, bootstrap.admin, 'address', new ConfigErrors())
  if (address === undefined) throw new Error('the admin address is not usable')
  const server = createServer((request, response) => void answer(control, request, response))
  if (address.family === 'pipe' && !address.text.startsWith('@')) rmSync(address.text, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(connectOptions(address), resolve)
  })
  if (view.pipe !== undefined && view.pipe.mode !== 0) chmodSync(view.pipe.path, view.pipe.mode)
  const bound = server.address() as BoundAddress | string
  const text = typeof bound === 'string' ? bound : `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
  log.info(`admin address: ${text}`)
  if (control.options.adminAddressPath !== '') writeFileSync(control.options.adminAddressPath, text)
}

async function answer(control: ServerControl, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL((request.url ?? '/').replace(/^\/+/, '/'), 'http://admin')
    const { status, contentType, body } = await findEndpoint(control, request, url)
    write(response, status, contentType, body)
  } catch (error) {
    log.error(`admin request ${request.url} failed: ${(error as Error).stack}`)
    write(response, 500, 'text/plain; charset=UTF-8', 'internal error\n')
  }
}

function write(response: ServerResponse, status: number, contentType: string, body: AdminResponse['body']): void {
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
    server: 'envoy',
  })
  if (typeof body === 'string') response.write(body)
  else for (const chunk of body) response.write(chunk)
  response.end()
}
