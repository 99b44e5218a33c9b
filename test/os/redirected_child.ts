/** Listens on port 8888, connects to 127.0.0.7:9999, which is redirected there, and prints the original destination. */
import net from 'node:net'
import { closeFd, createListenSocket, getOriginalDst } from '../../src/os/socket.ts'

const { fd } = createListenSocket({ family: 'ipv4', address: '0.0.0.0', port: 8888 })
const server = net.createServer((connection) => {
  const handle: unknown = Reflect.get(connection, '_handle')
  const accepted = Number(Reflect.get(Object(handle), 'fd'))
  console.log(JSON.stringify(getOriginalDst(accepted, 'ipv4')))
  connection.destroy()
  server.close()
})
server.on('error', () => closeFd(fd))
server.listen({ fd, exclusive: true }, () => net.connect(9999, '127.0.0.7').resume())
