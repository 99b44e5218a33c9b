// Which listener has an address: a connection that another one has accepted finds its own by where it was going.

import type { AddressInfo } from '../stream_info/stream_info.ts'
import { ipAddress, isMapped, isWildcard } from './address.ts'

/** Listeners go by the numbers that main gave them. */
export class ListenerAddresses {
  readonly #ids = new Map<string, number>()
  readonly #addresses = new Map<number, string[]>()

  /** `takesIpv4`: the address is of IPv6 and stands for IPv4 too (`ipv4_compat`). */
  add(id: number, address: AddressInfo, takesIpv4: boolean): void {
    this.#put(id, address)
    if (!takesIpv4) return
    if (isMapped(address)) this.#put(id, ipAddress(address.ip.slice('::ffff:'.length), address.port))
    else if (isWildcard(address)) {
      const anyIpv4 = ipAddress('0.0.0.0', address.port)
      // A listener of IPv4 alone goes before it.
      if (!this.#ids.has(anyIpv4.text)) this.#put(id, anyIpv4)
    }
  }

  #put(id: number, { text }: AddressInfo): void {
    this.#ids.set(text, id)
    const addresses = this.#addresses.get(id)
    if (addresses === undefined) this.#addresses.set(id, [text])
    else addresses.push(text)
  }

  /** An address that another listener has got meanwhile stays with that one. */
  remove(id: number): void {
    for (const text of this.#addresses.get(id) ?? []) if (this.#ids.get(text) === id) this.#ids.delete(text)
    this.#addresses.delete(id)
  }

  /** The listener of that very address, else that of all addresses of its family with that port. */
  find({ text, family, port }: AddressInfo): number | undefined {
    return this.#ids.get(text) ?? this.#ids.get(ipAddress(family === 'ipv6' ? '::' : '0.0.0.0', port).text)
  }
}
