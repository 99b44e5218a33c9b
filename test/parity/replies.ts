/** How backends play the replies of a case. */
import type { BackendConnection, BackendScript } from '../support/echo_backend.ts'
import type { ParityCase, ReplyStep } from './case.ts'
import { frameList } from './http2/frame_list.ts'

/** Frames by connection, whatever is asked. */
export function frameScript({ backendFrames = [] }: ParityCase): BackendScript {
  let connections = 0
  return {
    raw: true,
    onConnection: (connection) => {
      const steps = backendFrames[Math.min(connections, backendFrames.length - 1)] ?? []
      connections += 1
      void playReply(connection, steps, frameList)
    },
  }
}

/** `read` is what of the bytes received a step waits for. */
export async function playReply(
  connection: BackendConnection,
  steps: readonly ReplyStep[],
  read = (received: string) => received,
): Promise<void> {
  for (const step of steps) {
    if (typeof step === 'string') connection.send(step)
    else if ('pauseMs' in step) await new Promise((resolve) => setTimeout(resolve, step.pauseMs))
    else if ('finish' in step) connection.finish()
    else if ('reset' in step) connection.reset()
    else {
      while (!read(connection.received).includes(step.waitFor) && !connection.ended) {
        await new Promise((resolve) => connection.socket.once('data', resolve).once('close', resolve))
      }
    }
  }
}
