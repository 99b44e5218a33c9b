// The newer side of a hot restart: asks the process before for its sockets, then to leave, then to end.

import { getLogger } from '../../common/log.ts'
import { connectDescriptorChannel } from '../../os/descriptor_passing.ts'
import { closeFd } from '../../os/socket.ts'
import { openSegment, type StatsSegment } from '../../stats/segment.ts'
import { hotRestartVersion } from '../version.ts'
import { HandoverChannel } from './channel.ts'
import { type Answer, handoverName, type Request } from './messages.ts'
import { PassedSockets } from './passed_sockets.ts'

const log = getLogger('main')

/** The process before refuses, or has gone before it was asked; `message` says why. */
export class HandoverError extends Error {}

interface Reply {
  readonly answer: Answer
  readonly descriptors: readonly number[]
}

export class HandoverChild {
  readonly sockets = new PassedSockets()
  /** Of the process before, readable after its end. */
  segment: StatsSegment | undefined
  /** The process before has ended. */
  readonly parentEnded: Promise<void>
  #isParentGone = false
  readonly #channel: HandoverChannel<Request, Answer>
  #onReply: ((reply: Reply | undefined) => void) | undefined

  private constructor(fd: number) {
    this.parentEnded = new Promise((resolve) => {
      this.#onParentEnded = resolve
    })
    this.#channel = new HandoverChannel(fd, {
      onMessage: (answer, descriptors) => this.#settle({ answer, descriptors }),
      onClosed: () => {
        this.#isParentGone = true
        this.#settle(undefined)
        this.#onParentEnded()
      },
    })
  }

  #onParentEnded!: () => void

  /**
   * Takes what the process of the epoch before `epoch` has; that one goes on serving. Undefined where there is none.
   * Throws HandoverError where it refuses.
   */
  static async open(baseId: number, epoch: number, takesStats: boolean): Promise<HandoverChild | undefined> {
    const fd = connectDescriptorChannel(handoverName(baseId, epoch - 1))
    if (fd === undefined) return undefined
    const child = new HandoverChild(fd)
    try {
      const hello = await child.#ask({ type: 'hello', version: hotRestartVersion, epoch })
      if (hello === undefined) return undefined
      await child.#takeSockets()
      if (takesStats) await child.#takeStats()
      return child
    } catch (error) {
      child.close()
      throw error
    }
  }

  /** Takes nothing over: the process before goes on as it was. */
  close(): void {
    this.#channel.close()
    this.sockets.close()
  }

  /** The admin interface of the process before falls silent, and its socket is among `sockets`. */
  async takeAdmin(): Promise<void> {
    const reply = await this.#ask({ type: 'admin' })
    if (reply?.answer.type === 'admin' && reply.descriptors.length > 0)
      this.sockets.add(reply.answer.key, reply.descriptors[0])
  }

  /** This process accepts: the other one asks its connections to leave, and is ended when its time is over. */
  async onServing(parentShutdownTimeMs: number): Promise<void> {
    this.sockets.close()
    await this.#ask({ type: 'drain' })
    if (this.#isParentGone) return
    log.info(`the process before drains, and is ended in ${parentShutdownTimeMs / 1000} s`)
    setTimeout(() => this.terminateParent(), parentShutdownTimeMs).unref()
  }

  terminateParent(): void {
    if (!this.#isParentGone) void this.#ask({ type: 'terminate' })
  }

  async #takeSockets(): Promise<void> {
    for (let from = 0, isLast = false; !isLast; ) {
      const reply = await this.#ask({ type: 'sockets', from })
      if (reply?.answer.type !== 'sockets') return
      for (const [i, { key }] of reply.answer.sockets.entries()) this.sockets.add(key, reply.descriptors[i])
      from += reply.answer.sockets.length
      isLast = reply.answer.isLast
    }
  }

  async #takeStats(): Promise<void> {
    const reply = await this.#ask({ type: 'stats' })
    if (reply?.descriptors.length !== 1) return
    this.segment = openSegment(reply.descriptors[0])
  }

  /** One request at a time. Undefined where the process before has ended. */
  async #ask(request: Request): Promise<Reply | undefined> {
    if (this.#isParentGone) return undefined
    const reply = await new Promise<Reply | undefined>((resolve) => {
      this.#onReply = resolve
      this.#channel.send(request)
    })
    if (reply?.answer.type !== 'refused') return reply
    for (const fd of reply.descriptors) closeFd(fd)
    throw new HandoverError(reply.answer.reason)
  }

  #settle(reply: Reply | undefined): void {
    const settle = this.#onReply
    this.#onReply = undefined
    settle?.(reply)
  }
}
