/** gRPC's own interoperability client and server, with the proxy between them: HTTP/2 on both sides, plain and TLS. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { CertificateAuthority, type IssuedCertificate } from '../support/certificate_authority.ts'
import { ensureGoTool, INSTALL_TIMEOUT_MS } from '../support/ensure_go_tool.ts'
import { freePorts } from '../support/free_ports.ts'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'
import { cluster, httpListener, proxyYaml } from './yaml.ts'

const version = 'v1.85.0'
const clientTool = { package: 'google.golang.org/grpc/interop/client', version }
const serverTool = { package: 'google.golang.org/grpc/interop/server', version }
const run = promisify(execFile)

/** What the Go server can serve: pick_first_unary wants a server id, which that server never sends. */
const cases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'orca_per_rpc',
  'orca_oob',
  'rpc_soak',
  'channel_soak',
] as const

/** The load balancing policy without which the client does not look at load reports. */
const loadReports = JSON.stringify({ loadBalancingConfig: [{ test_backend_metrics_load_balancer: {} }] })

let client: string
let ca: CertificateAuthority
let proxy: ProxyProcess
const servers: ChildProcess[] = []

async function startServer(binary: string, flags: readonly string[]): Promise<number> {
  // The server takes no port 0.
  const [port] = await freePorts(1)
  const child = spawn(binary, ['-port', String(port), ...flags], { stdio: 'ignore' })
  servers.push(child)
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the interop server exited with ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const isUp = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (isUp) return port
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

beforeAll(async () => {
  client = ensureGoTool(clientTool)
  const server = ensureGoTool(serverTool)
  ca = new CertificateAuthority()
  const certificate: IssuedCertificate = ca.issue({ name: 'localhost', altNames: ['DNS:localhost'] })
  const tlsFlags = ['-use_tls', '-tls_cert_file', certificate.certPath, '-tls_key_file', certificate.keyPath]
  const plainPort = await startServer(server, [])
  const tlsPort = await startServer(server, tlsFlags)
  proxy = await startNuncio(
    proxyYaml(
      [
        httpListener('plain', { hcm: 'codec_type: AUTO', route: 'route: { cluster: plain, timeout: 0s }' }),
        httpListener('tls', {
          hcm: 'codec_type: AUTO',
          route: 'route: { cluster: tls, timeout: 0s }',
          tls: certificate,
        }),
      ],
      [
        cluster('plain', plainPort, 'http2_protocol_options: {}'),
        cluster('tls', tlsPort, 'http2_protocol_options: {}', ca.certPath),
      ],
    ),
  )
}, INSTALL_TIMEOUT_MS)

afterAll(async () => {
  await proxy?.stop()
  for (const server of servers) server.kill()
  ca?.remove()
})

describe.each(['plain', 'tls'])('%s', (listener) => {
  it.each(cases)('%s', async (name) => {
    const flags = ['-server_host', '127.0.0.1', '-server_port', String(proxy.port(listener)), '-test_case', name]
    if (listener === 'tls')
      flags.push('-use_tls', '-use_test_ca', '-ca_file', ca.certPath, '-server_host_override', 'localhost')
    if (name.startsWith('orca')) flags.push('-service_config_json', loadReports)
    // Its exit code is the verdict, and its output says why.
    await run(client, flags, { timeout: 25_000 })
  })
})
