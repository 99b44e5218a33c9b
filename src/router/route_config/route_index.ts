// An ordered list of routes with an index over their paths: always the first match in configured order.

import type { HeaderMap } from '../../common/header_map.ts'
import { lowerAscii } from '../../common/string_matcher.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { MatchCriterion } from './match_criteria.ts'
import { matchesPath, type PathMatcher, pathLength } from './path_matcher.ts'

/** One route of the list: what it asks for, and what it is. */
export interface IndexedRoute<T> {
  readonly path: PathMatcher
  readonly criteria: readonly MatchCriterion[]
  readonly value: T
}

/** Below this many routes a plain scan is faster (bench/micro/routes.ts). */
const smallestIndexed = 8

/**
 * Plain form: go through the routes, return the first whose path and criteria match. That costs time in proportion to
 * the number of routes; here the path alone finds the few routes that may match, and those are tried in order.
 */
export class RouteList<T> {
  readonly #routes: readonly IndexedRoute<T>[]
  readonly #ignorePathParameters: boolean
  readonly #hasIgnoreCase: boolean
  readonly #exactCase: PathTrie | undefined
  readonly #ignoreCase: PathTrie | undefined
  /** Positions of the routes that no trie can hold. */
  readonly #others: readonly number[]
  readonly #connect: readonly number[]
  /** Scratch of one look-up: the lists of candidates, and how far each has been tried. Look-ups do not nest. */
  readonly #lists: (readonly number[])[] = []
  readonly #cursors: number[] = []

  constructor(
    routes: readonly IndexedRoute<T>[],
    ignorePathParameters: boolean,
    indexed = routes.length >= smallestIndexed,
  ) {
    this.#routes = routes
    this.#ignorePathParameters = ignorePathParameters
    this.#hasIgnoreCase = routes.some(({ path }) => 'ignoreCase' in path && path.ignoreCase)
    this.#connect = positionsOf(routes, ({ path }) => path.kind === 'connect')
    this.#exactCase = undefined
    this.#ignoreCase = undefined
    this.#others = []
    if (!indexed) return
    this.#exactCase = new PathTrie()
    if (this.#hasIgnoreCase) this.#ignoreCase = new PathTrie()
    routes.forEach((route, position) => {
      if (!('text' in route.path)) return
      const trie = route.path.ignoreCase ? this.#ignoreCase : this.#exactCase
      trie?.insert(route.path, position, route.criteria.length === 0)
    })
    this.#others = positionsOf(
      routes,
      ({ path }) => path.kind === 'regex' || path.kind === 'template' || path.kind === 'connect',
    )
  }

  find(headers: HeaderMap, streamInfo: StreamInfo, random: number): T | undefined {
    if (headers.path === '') return this.#findPathless(headers, streamInfo, random)
    let { path } = headers
    let length = pathLength(path)
    if (this.#ignorePathParameters && path.includes(';')) {
      path = withoutParameters(path.slice(0, length))
      length = path.length
    }
    const lower = this.#hasIgnoreCase ? lowerAscii(path) : path
    if (this.#exactCase === undefined) return this.#scan(path, lower, length, headers, streamInfo, random)
    const lists = this.#lists
    lists.length = 0
    this.#exactCase.collect(path, length, lists)
    this.#ignoreCase?.collect(lower, length, lists)
    if (this.#others.length > 0) lists.push(this.#others)
    return this.#tryCandidates(path, lower, length, headers, streamInfo, random)
  }

  #scan(
    path: string,
    lower: string,
    length: number,
    headers: HeaderMap,
    streamInfo: StreamInfo,
    random: number,
  ): T | undefined {
    const routes = this.#routes
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]
      if (!takesPath(route.path, headers, path, lower, length)) continue
      if (meetsCriteria(route.criteria, headers, streamInfo, random)) return route.value
    }
    return undefined
  }

  /** Merges the candidate lists, each in ascending order, and tries from the lowest position up. */
  #tryCandidates(
    path: string,
    lower: string,
    length: number,
    headers: HeaderMap,
    streamInfo: StreamInfo,
    random: number,
  ): T | undefined {
    const lists = this.#lists
    const cursors = this.#cursors
    for (let i = 0; i < lists.length; i++) cursors[i] = 0
    while (true) {
      let best = -1
      let position = Number.MAX_SAFE_INTEGER
      for (let i = 0; i < lists.length; i++) {
        const cursor = cursors[i]
        if (cursor < lists[i].length && lists[i][cursor] < position) {
          position = lists[i][cursor]
          best = i
        }
      }
      if (best < 0) return undefined
      cursors[best]++
      const route = this.#routes[position]
      // The tries list only what matches; the last list, of other kinds, has yet to be asked.
      if (lists[best] === this.#others && !takesPath(route.path, headers, path, lower, length)) continue
      if (meetsCriteria(route.criteria, headers, streamInfo, random)) return route.value
    }
  }

  #findPathless(headers: HeaderMap, streamInfo: StreamInfo, random: number): T | undefined {
    if (headers.method !== 'CONNECT') return undefined
    for (const position of this.#connect) {
      const route = this.#routes[position]
      if (meetsCriteria(route.criteria, headers, streamInfo, random)) return route.value
    }
    return undefined
  }
}

/** A path without the parameters (`;name=value`) of its segments. */
function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, '')
}

/** `path` is the path to match; templates look at the request's own, parameters and all, as in Envoy. */
function takesPath(matcher: PathMatcher, headers: HeaderMap, path: string, lower: string, length: number): boolean {
  if (matcher.kind === 'connect') return headers.method === 'CONNECT'
  if (matcher.kind === 'template') return matchesPath(matcher, headers.path, '', pathLength(headers.path))
  return matchesPath(matcher, path, lower, length)
}

function meetsCriteria(
  criteria: readonly MatchCriterion[],
  headers: HeaderMap,
  streamInfo: StreamInfo,
  random: number,
): boolean {
  for (let i = 0; i < criteria.length; i++) if (!criteria[i](headers, streamInfo, random)) return false
  return true
}

function positionsOf<T>(
  routes: readonly IndexedRoute<T>[],
  select: (route: IndexedRoute<T>) => boolean,
): readonly number[] {
  const positions: number[] = []
  routes.forEach((route, position) => {
    if (select(route)) positions.push(position)
  })
  return positions
}

/** A node of the trie: the text since its parent, and the routes whose text ends here. */
interface TrieNode {
  edge: string
  children: Map<number, TrieNode> | undefined
  prefix: PositionList
  separated: PositionList
  exact: PositionList
}

/** Positions in ascending order, up to the first route that takes every request that comes this far. */
interface PositionList {
  positions: number[]
  closed: boolean
}

/** A radix trie over configured paths: one walk along a request's path meets every text that it starts with. */
class PathTrie {
  readonly #root = newNode('')

  /** Positions must come in ascending order. */
  insert(path: PathMatcher & { text: string }, position: number, takesAll: boolean): void {
    const node = this.#nodeFor(path.text)
    const list = path.kind === 'prefix' ? node.prefix : path.kind === 'exact' ? node.exact : node.separated
    if (list.closed) return
    list.positions.push(position)
    list.closed = takesAll
  }

  /** Adds the lists of all texts that match the first `length` characters of the path. */
  collect(path: string, length: number, into: (readonly number[])[]): void {
    let node = this.#root
    let depth = 0
    while (true) {
      if (node.prefix.positions.length > 0) into.push(node.prefix.positions)
      const atEnd = depth === length
      if (node.separated.positions.length > 0 && (atEnd || path.charCodeAt(depth) === 0x2f)) {
        into.push(node.separated.positions)
      }
      if (atEnd) {
        if (node.exact.positions.length > 0) into.push(node.exact.positions)
        return
      }
      const child = node.children?.get(path.charCodeAt(depth))
      if (child === undefined || depth + child.edge.length > length) return
      if (!followsEdge(path, child.edge, depth)) return
      depth += child.edge.length
      node = child
    }
  }

  #nodeFor(text: string): TrieNode {
    let node = this.#root
    let depth = 0
    while (depth < text.length) {
      const first = text.charCodeAt(depth)
      const child = node.children?.get(first)
      if (child === undefined) {
        const added = newNode(text.slice(depth))
        node.children ??= new Map()
        node.children.set(first, added)
        return added
      }
      const shared = sharedLength(child.edge, text, depth)
      node = shared === child.edge.length ? child : split(node, child, shared)
      depth += shared
    }
    return node
  }
}

/** Plain form: path.startsWith(edge, depth), which costs more on short edges. The first character is known to be equal. */
function followsEdge(path: string, edge: string, depth: number): boolean {
  for (let i = 1; i < edge.length; i++) if (path.charCodeAt(depth + i) !== edge.charCodeAt(i)) return false
  return true
}

function newNode(edge: string): TrieNode {
  return { edge, children: undefined, prefix: newList(), separated: newList(), exact: newList() }
}

function newList(): PositionList {
  return { positions: [], closed: false }
}

function sharedLength(edge: string, text: string, from: number): number {
  let length = 0
  while (
    length < edge.length &&
    from + length < text.length &&
    edge.charCodeAt(length) === text.charCodeAt(from + length)
  ) {
    length++
  }
  return length
}

/** Puts a node between a parent and its child, after the first `length` characters of the child's edge. */
function split(parent: TrieNode, child: TrieNode, length: number): TrieNode {
  const middle = newNode(child.edge.slice(0, length))
  child.edge = child.edge.slice(length)
  middle.children = new Map([[child.edge.charCodeAt(0), child]])
  parent.children?.set(middle.edge.charCodeAt(0), middle)
  return middle
}
