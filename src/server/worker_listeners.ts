// The listeners of a worker by the numbers that main gave them: added, replaced and drained while others go on.

import type { envoy } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../config/errors.ts'
import { ipAddress } from '../network/address.ts'
import type { BuiltListener } from '../network/built_listener.ts'
import type { DrainSettings } from '../network/draining_chains.ts'
import { type FindListener, Listener } from '../network/listener.ts'
import { ListenerAddresses } from '../network/listener_addresses.ts'
import { closeFd } from '../os/socket.ts'
import type { BoundSocketInfo } from './channel.ts'
import type { Instance } from './instance.ts'
import { refuseDifference } from './worker_changes.ts'

type ListenerView = envoy.config.listener.v3.Listener

export class WorkerListeners {
  readonly #instance: Instance
  readonly #drain: DrainSettings
  readonly #listeners = new Map<number, Listener>()
  readonly #addresses = new ListenerAddresses()
  readonly #find: FindListener = (address) => {
    const id = this.#addresses.find(address)
    return id === undefined ? undefined : this.#listeners.get(id)
  }
  #stopped: 'none' | 'inboundOnly' | 'all' = 'none'
  /** Sockets that are listened on already: a worker that starts gets all there are, and some of them may come again. */
  readonly #taken = new Set<string>()
  /** Replaced or removed, with connections that have not left yet. */
  #leaving: Listener[] = []

  constructor(instance: Instance, drain: DrainSettings) {
    this.#instance = instance
    this.#drain = drain
    instance.context.overload.onUpdate(() => {
      for (const listener of this.#listeners.values()) listener.followOverload()
    })
  }

  set(id: number, view: ListenerView): void {
    const previous = this.#listeners.get(id)
    const errors = new ConfigErrors()
    const built = this.#instance.buildListener(view, this.#instance.contextFor(errors), previous?.built)
    refuseDifference(errors)
    if (built === undefined) return
    if (previous?.built.body === built.body) {
      previous.update(built, this.#drain)
      return
    }
    const listener = new Listener(built, this.#find)
    this.#listeners.set(id, listener)
    if (previous === undefined) {
      this.#addUnbound(id, built)
      return
    }
    listener.takeSockets(previous)
    this.#letGo(previous)
  }

  /** What has no sockets is there for connections of other listeners as soon as it is known. */
  #addUnbound(id: number, { sockets, trafficDirection }: BuiltListener): void {
    const isStopped = this.#stopped === 'all' || (this.#stopped === 'inboundOnly' && trafficDirection === 'INBOUND')
    if (sockets.bindToPort || isStopped) return
    for (const { address, options } of sockets.sockets) this.#addresses.add(id, address, options.ipv4Compat === true)
  }

  remove(id: number): void {
    const listener = this.#listeners.get(id)
    if (listener === undefined) return
    this.#listeners.delete(id)
    this.#addresses.remove(id)
    for (const key of this.#taken) if (key.startsWith(`${id}.`)) this.#taken.delete(key)
    this.#letGo(listener)
  }

  /** Takes over the descriptor. */
  async listen({ listenerId, socketIndex, share, port }: BoundSocketInfo, fd: number): Promise<void> {
    const listener = this.#listeners.get(listenerId)
    const key = `${listenerId}.${socketIndex}.${share}`
    // It may have been removed while its sockets were under way.
    if (listener === undefined || this.#taken.has(key)) {
      closeFd(fd)
      return
    }
    this.#taken.add(key)
    const { address, options } = listener.built.sockets.sockets[socketIndex]
    const bound = address.family === 'pipe' ? address : ipAddress(address.ip, port)
    this.#addresses.add(listenerId, bound, options.ipv4Compat === true)
    await listener.listen(fd, bound)
  }

  /** Leaves new connections to whoever else has the sockets, until `isPaused` is false again. */
  pause(isPaused: boolean): void {
    for (const listener of this.#listeners.values()) listener.pause(isPaused)
  }

  stopListening(inboundOnly: boolean): void {
    if (this.#stopped !== 'all') this.#stopped = inboundOnly ? 'inboundOnly' : 'all'
    for (const [id, listener] of this.#listeners) {
      if (inboundOnly && listener.built.trafficDirection !== 'INBOUND') continue
      this.#addresses.remove(id)
      listener.stopListening()
    }
  }

  /** Ends at once. */
  close(reason: string): void {
    for (const listener of [...this.#listeners.values(), ...this.#leaving]) {
      listener.stopListening()
      listener.closeConnections(reason)
    }
  }

  #letGo(listener: Listener): void {
    listener.drain(this.#drain)
    this.#leaving = [...this.#leaving.filter((each) => !each.isIdle), listener]
  }
}
