// A connection to a host as a plain socket, for the clients that bring their own HTTP.

import type { Socket } from 'node:net'
import { takeConnectionId } from '../network/connection_id.ts'
import type { Host } from './host.ts'

/** Connects as the cluster says, transport socket included. Rejects with the reason in Envoy's words. */
export async function openSocket(host: Host): Promise<Socket> {
  const socket = host.cluster.connector.connect(host.address, host.additionalAddresses)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error) => reject(new Error(`delayed connect error: ${error.message}`)))
  })
  return secureSocket(host, socket, [])
}

/** Puts the cluster's transport socket over a connection that stands. */
export function secureSocket(host: Host, tcpSocket: Socket, alpnFallback: readonly string[]): Promise<Socket> {
  const transport = host.transportSocket.wrap(tcpSocket, host, { alpnFallback })
  if (transport === undefined) return Promise.resolve(tcpSocket)
  return new Promise((resolve, reject) => {
    let socket = tcpSocket
    const fail = (error?: Error): void => reject(new Error(transport.failureReason || error?.message || 'closed'))
    const watch = (each: Socket): void => {
      each.on('error', fail)
      each.once('close', () => fail())
    }
    watch(tcpSocket)
    transport.onConnected(tcpSocket, {
      id: takeConnectionId(),
      replaceSocket(next) {
        socket = next
        watch(next)
      },
      onTransportReady: () => resolve(socket),
    })
  })
}
