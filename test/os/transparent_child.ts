/** Connects on loopback from an address that no interface has, and prints who the server saw and the socket's mark. */
import net, { type AddressInfo } from 'node:net'
import { createConnectSocket, getIntOption, SOCKET_OPTION } from '../../src/os/socket.ts'

const { SOL_SOCKET, SO_MARK } = SOCKET_OPTION
const server = net.createServer((connection) => connection.end(String(connection.remoteAddress)))
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  const fd = createConnectSocket(
    { family: 'ipv4', address: '127.0.0.1', port },
    {
      localAddress: { family: 'ipv4', address: '10.9.8.7', port: 0 },
      transparent: true,
      options: [{ level: SOL_SOCKET, name: SO_MARK, value: 42, state: 'STATE_PREBIND' }],
    },
  )
  const socket = new net.Socket({ fd, readable: true, writable: true })
  socket.connect(port, '127.0.0.1', () => console.log(`mark ${getIntOption(fd, SOL_SOCKET, SO_MARK)}`))
  socket.on('data', (data) => console.log(`from ${data}`))
  socket.on('close', () => server.close())
})
