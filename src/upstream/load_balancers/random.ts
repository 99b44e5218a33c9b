// RANDOM: any host, each as likely; weights do not count, as in Envoy.

import type { Host } from '../host.ts'
import type { HostPicker } from './host_picker.ts'

export class RandomPicker implements HostPicker {
  readonly #hosts: readonly Host[]
  /** Drawn already, to be given next. */
  readonly #peeked: Host[] = []

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  pick(): Host | undefined {
    return this.#peeked.length > 0 ? this.#peeked.shift() : this.#draw()
  }

  peek(): Host | undefined {
    if (this.#peeked.length >= this.#hosts.length) return undefined
    const host = this.#draw()
    if (host !== undefined) this.#peeked.push(host)
    return host
  }

  #draw(): Host | undefined {
    return this.#hosts[Math.floor(Math.random() * this.#hosts.length)]
  }
}
