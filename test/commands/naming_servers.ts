/**
 * Listens on the ports of `NAME=PORT...`, of both families, and tells each connection the name and the address that it
 * came to. `NAME=PORT:transparent` takes connections to any address.
 */
import net from 'node:net'
import { createListenSocket } from '../../src/os/socket.ts'

for (const argument of process.argv.slice(2)) {
  const [, name, port, transparent] = /^(\w+)=(\d+)(:transparent)?$/.exec(argument)!
  const server = net.createServer((connection) => {
    connection.on('error', () => connection.destroy())
    connection.end(`${name} ${connection.localAddress?.replace('::ffff:', '')} ${connection.localPort}\n`)
  })
  const { fd } = createListenSocket(
    { family: 'ipv6', address: '::', port: Number(port) },
    { transparent: transparent !== undefined, ipv4Compat: true },
  )
  server.listen({ fd, exclusive: true }, () => console.log(name))
}
