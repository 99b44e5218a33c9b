// What the browser test calls in its page. A message is a text with a character for each byte.
import { serverStream } from './grpc_web.js'

/** All that came of a call. */
globalThis.call = async (url, message, options) => {
  const outcome = { messages: [], headers: {}, trailers: {}, status: 0, error: '' }
  const callbacks = {
    onHeaders: (headers) => {
      outcome.headers = Object.fromEntries(headers)
    },
    onTrailers: (trailers) => {
      outcome.trailers = Object.fromEntries(trailers)
    },
  }
  try {
    for await (const bytes of serverStream(url, bytesOf(message), { ...options, ...callbacks }))
      outcome.messages.push(textOf(bytes))
  } catch ({ status, message: error }) {
    Object.assign(outcome, { status, error })
  }
  return outcome
}

const streams = []

/** Opens a stream, and says its number. */
globalThis.begin = (url, options) => {
  const stream = serverStream(url, new Uint8Array(), options)
  return streams.push({ stream, first: stream.next() }) - 1
}

/** The stream's next message, or its end. */
globalThis.next = async (index) => {
  const waiting = streams[index].first ?? streams[index].stream.next()
  streams[index].first = undefined
  try {
    const { done, value } = await waiting
    return done ? 'OK' : textOf(value)
  } catch ({ status, message }) {
    return `status ${status}: ${message}`
  }
}

globalThis.cancel = (index) => streams[index].stream.return()

function bytesOf(text) {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function textOf(bytes) {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}
