// IP addresses as numbers, CIDR ranges, and tables from ranges to values that find the most specific one.

import { isIPv4, isIPv6 } from 'node:net'

/** An address as unsigned 32-bit words, most significant first: one for IPv4, four for IPv6. */
export interface IpAddress {
  readonly words: readonly number[]
}

/**
 * Reads an address: dotted quad, or RFC 4291 text whose zone (`%eth0`) is ignored. Undefined for anything else.
 * An IPv4-mapped IPv6 address stays IPv6.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { words: [ipv4Word(text)] }
  if (!isIPv6(text)) return undefined
  const zone = text.indexOf('%')
  return { words: ipv6Words(zone < 0 ? text : text.slice(0, zone)) }
}

/** The address in the form the kernel prints: RFC 5952 for IPv6. */
export function formatIp(address: IpAddress): string {
  const { words } = address
  if (words.length === 1) return quad(words[0])
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return `::ffff:${quad(words[3])}`
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff])
  const [start, length] = longestZeroRun(groups)
  const join = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (length < 2) return join(groups)
  return `${join(groups.slice(0, start))}::${join(groups.slice(start + length))}`
}

/** Whether the address is 127.0.0.1 or ::1: others of 127.0.0.0/8 count as any other address, as in Envoy. */
export function isLoopback(address: IpAddress): boolean {
  const { words } = address
  if (words.length === 1) return words[0] >>> 0 === 0x7f000001
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1
}

export function sameIp(a: IpAddress, b: IpAddress): boolean {
  return a.words.length === b.words.length && a.words.every((word, i) => word === b.words[i])
}

export class CidrRange {
  /** The network address: bits after the prefix are zero. */
  readonly network: IpAddress
  readonly prefixLength: number

  constructor(address: IpAddress, prefixLength: number) {
    this.prefixLength = Math.min(prefixLength, address.words.length * 32)
    this.network = { words: maskedWords(address.words, this.prefixLength) }
  }

  /**
   * A range of an address text and a prefix length; a longer length than the family has counts as all of it, bits after
   * the prefix are dropped, both as Envoy does. Undefined if the text is no IP address.
   */
  static create(addressPrefix: string, prefixLength: number): CidrRange | undefined {
    const address = parseIp(addressPrefix)
    return address === undefined ? undefined : new CidrRange(address, prefixLength)
  }

  /** `10.0.0.0/8`; undefined for text of another form. */
  static parse(text: string): CidrRange | undefined {
    const slash = text.lastIndexOf('/')
    if (slash < 0 || !/^\d{1,3}$/.test(text.slice(slash + 1))) return undefined
    return CidrRange.create(text.slice(0, slash), Number(text.slice(slash + 1)))
  }

  /** False for an address of the other family. */
  contains(address: IpAddress): boolean {
    const { words } = this.network
    if (words.length !== address.words.length) return false
    for (let i = 0; i < words.length; i++) {
      if ((address.words[i] & wordMask(this.prefixLength - i * 32)) >>> 0 !== words[i]) return false
    }
    return true
  }

  toString(): string {
    return `${formatIp(this.network)}/${this.prefixLength}`
  }
}

/** The ranges of one prefix length and family, by network address. */
interface Level<T> {
  readonly prefixLength: number
  readonly values: Map<string, T>
}

/** Ranges with a value each. A look-up costs one step for each different prefix length, however many ranges there are. */
export class CidrTable<T> {
  readonly #ipv4: Level<T>[] = []
  readonly #ipv6: Level<T>[] = []

  get(range: CidrRange): T | undefined {
    return this.#level(range)?.values.get(key(range.network.words))
  }

  set(range: CidrRange, value: T): void {
    let level = this.#level(range)
    if (level === undefined) {
      level = { prefixLength: range.prefixLength, values: new Map() }
      const levels = this.#levels(range.network)
      levels.push(level)
      levels.sort((a, b) => b.prefixLength - a.prefixLength)
    }
    level.values.set(key(range.network.words), value)
  }

  /** The value of the longest prefix that contains the address. */
  find(address: IpAddress): T | undefined {
    for (const level of this.#levels(address)) {
      const value = level.values.get(key(maskedWords(address.words, level.prefixLength)))
      if (value !== undefined) return value
    }
    return undefined
  }

  get isEmpty(): boolean {
    return this.#ipv4.length === 0 && this.#ipv6.length === 0
  }

  #levels(address: IpAddress): Level<T>[] {
    return address.words.length === 1 ? this.#ipv4 : this.#ipv6
  }

  #level(range: CidrRange): Level<T> | undefined {
    return this.#levels(range.network).find((level) => level.prefixLength === range.prefixLength)
  }
}

/** A list of ranges of which it only matters whether one contains an address. */
export class CidrSet {
  readonly #table = new CidrTable<true>()

  constructor(ranges: readonly CidrRange[]) {
    for (const range of ranges) this.#table.set(range, true)
  }

  contains(address: IpAddress): boolean {
    return this.#table.find(address) === true
  }
}

function key(words: readonly number[]): string {
  return words.length === 1 ? String(words[0]) : words.join(',')
}

function maskedWords(words: readonly number[], prefixLength: number): number[] {
  return words.map((word, i) => (word & wordMask(prefixLength - i * 32)) >>> 0)
}

/** The mask of a word of which the first `bits` count; any number is allowed. */
function wordMask(bits: number): number {
  if (bits >= 32) return 0xffffffff
  return bits <= 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
}

function ipv4Word(text: string): number {
  return text.split('.').reduce((word, byte) => ((word << 8) | Number(byte)) >>> 0, 0)
}

/** `text` has been found valid. */
function ipv6Words(text: string): number[] {
  let hex = text
  const lastColon = text.lastIndexOf(':')
  if (text.indexOf('.') > 0) {
    const word = ipv4Word(text.slice(lastColon + 1))
    hex = `${text.slice(0, lastColon + 1)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`
  }
  const [head, tail] = hex.split('::')
  const before = groupsOf(head)
  const after = groupsOf(tail ?? '')
  const groups = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return [0, 2, 4, 6].map((i) => ((groups[i] << 16) | groups[i + 1]) >>> 0)
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

function quad(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (start + length < groups.length && groups[start + length] === 0) length++
    if (length > best[1]) best = [start, length]
  }
  return best
}
