// The older side of a hot restart: answers the process that takes over, and goes on serving should that one end too soon.

import { getLogger } from '../../common/log.ts'
import { acceptDescriptorChannel, listenForDescriptorChannels } from '../../os/descriptor_passing.ts'
import { type DescriptorWatch, watchReadable } from '../../os/readiness.ts'
import { closeFd } from '../../os/socket.ts'
import { hotRestartVersion } from '../version.ts'
import { HandoverChannel } from './channel.ts'
import { type Answer, handoverName, type Request } from './messages.ts'

const log = getLogger('main')
/** The kernel takes 253 in one message. */
const socketsPerAnswer = 200

export interface KeyedSocket {
  readonly key: string
  readonly fd: number
}

/** What the server does for the process that takes over; each side keeps its own descriptors. */
export interface HandingOver {
  readonly epoch: number
  /** It accepts connections. */
  isLive(): boolean
  /** Those that accept. */
  listeningSockets(): readonly KeyedSocket[]
  readonly segmentFd: number
  /** Answers admin requests no more; undefined where there is no admin interface. */
  pauseAdmin(): KeyedSocket | undefined
  resumeAdmin(): void
  /** New connections are the other process's; those that are here are asked to leave. */
  leaveListeners(): Promise<void>
  /** Accepts again, and asks nobody to leave. */
  returnToListeners(): Promise<void>
  quit(): void
}

/** Holds the name of its base id and epoch. */
export class HandoverParent {
  readonly #fd: number
  readonly #watch: DescriptorWatch
  #server: HandingOver | undefined
  #child: HandoverChannel<Answer, Request> | undefined
  #hasPausedAdmin = false
  #hasLeft = false
  #isTerminated = false

  /** Throws EADDRINUSE where another process has the name. */
  constructor(baseId: number, epoch: number) {
    this.#fd = listenForDescriptorChannels(handoverName(baseId, epoch))
    this.#watch = watchReadable(this.#fd, () => this.#accept())
    this.#watch.unref()
  }

  /** From now on a new process may take over from it. */
  serve(server: HandingOver): void {
    this.#server = server
  }

  close(): void {
    this.#watch.close()
    closeFd(this.#fd)
    this.#child?.close()
  }

  #accept(): void {
    const fd = acceptDescriptorChannel(this.#fd)
    if (fd === undefined) return
    const channel: HandoverChannel<Answer, Request> = new HandoverChannel(fd, {
      onMessage: (request) => void this.#onRequest(channel, request),
      onClosed: () => this.#onGone(channel),
    })
  }

  async #onRequest(channel: HandoverChannel<Answer, Request>, request: Request): Promise<void> {
    try {
      await this.#answer(channel, request)
    } catch (error) {
      log.error(`hot restart: ${(error as Error).stack}`)
      channel.send({ type: 'refused', reason: (error as Error).message })
    }
  }

  async #answer(channel: HandoverChannel<Answer, Request>, request: Request): Promise<void> {
    const server = this.#server
    if (request.type === 'hello') {
      const reason = this.#refusal(request)
      if (reason === undefined) {
        this.#child = channel
        log.info(`epoch ${request.epoch} takes over`)
        channel.send({ type: 'hello', pid: process.pid })
      } else channel.send({ type: 'refused', reason })
      return
    }
    if (server === undefined || channel !== this.#child) return
    switch (request.type) {
      case 'sockets': {
        const sockets = server.listeningSockets().slice(request.from, request.from + socketsPerAnswer)
        const isLast = request.from + sockets.length === server.listeningSockets().length
        channel.send(
          { type: 'sockets', sockets: sockets.map(({ key }) => ({ key })), isLast },
          sockets.map(({ fd }) => fd),
        )
        break
      }
      case 'stats':
        channel.send({ type: 'stats' }, [server.segmentFd])
        break
      case 'admin': {
        this.#hasPausedAdmin = true
        const admin = server.pauseAdmin()
        channel.send({ type: 'admin', key: admin?.key ?? '' }, admin === undefined ? [] : [admin.fd])
        break
      }
      case 'drain':
        this.#hasLeft = true
        await server.leaveListeners()
        channel.send({ type: 'drain' })
        break
      case 'terminate':
        this.#isTerminated = true
        channel.send({ type: 'terminate' })
        log.info('the process that took over ends this one')
        server.quit()
        break
    }
  }

  #refusal({ version, epoch }: Extract<Request, { type: 'hello' }>): string | undefined {
    const server = this.#server
    if (version !== hotRestartVersion)
      return `its hot restart version is ${hotRestartVersion}, that of this one is ${version}`
    if (server === undefined || !server.isLive()) return 'it is still starting'
    if (epoch !== server.epoch + 1) return `its epoch is ${server.epoch}`
    return this.#child === undefined ? undefined : 'another process takes over from it'
  }

  /** Without a word: what was given to it is taken back. */
  #onGone(channel: HandoverChannel<Answer, Request>): void {
    if (channel !== this.#child) return
    this.#child = undefined
    if (this.#isTerminated) return
    log.warn('the process that was to take over has ended: this one goes on')
    if (this.#hasPausedAdmin) this.#server?.resumeAdmin()
    if (this.#hasLeft) void this.#server?.returnToListeners()
    this.#hasPausedAdmin = false
    this.#hasLeft = false
  }
}
