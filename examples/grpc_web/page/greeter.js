// The service examples.Greeter as the page calls it. Both of its messages have one field, a text with the number 1.
import { serverStream, unary } from './grpc_web.js'

const service = 'http://127.0.0.1:10001/examples.Greeter'
const fieldOne = 0x0a

export async function sayHello(name, options) {
  return decodeText(await unary(`${service}/SayHello`, encodeText(name), options))
}

/** Greetings in several languages, as they come. */
export async function* sayHellos(name, options) {
  for await (const reply of serverStream(`${service}/SayHellos`, encodeText(name), options)) yield decodeText(reply)
}

function encodeText(text) {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length === 0) return bytes
  const length = []
  let rest = bytes.length
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return Uint8Array.from([fieldOne, ...length, rest, ...bytes])
}

function decodeText(message) {
  if (message.length === 0) return ''
  let start = 1
  while (message[start] > 0x7f) start++
  return new TextDecoder().decode(message.subarray(start + 1))
}
