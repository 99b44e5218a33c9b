// Answers every request with `ok`, until it is killed. Arguments: address, port.
import { createServer } from 'node:http'

const [host, port] = process.argv.slice(2)
const server = createServer((_request, response) => response.end('ok'))
server.keepAliveTimeout = 0
server.listen(Number(port), host, () => process.stdout.write('listening\n'))
