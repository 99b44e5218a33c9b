// Cuts long lists out of a change, to be sent before it in pieces: a worker reads a message in one go, and ten thousand routes
// in one message would hold up its requests.

import type { ConfigChange } from './channel.ts'

const itemsAtOnce = 256
/** A list of routes in a listener's connection manager lies eleven levels deep. */
const deepest = 12

type Path = readonly (string | number)[]

/** Elements of the list at a path of the change that follows, behind those that were sent before. */
export interface ListPiece {
  readonly kind: 'items'
  readonly path: Path
  readonly items: readonly unknown[]
}

/** What is left of a change, behind so many pieces. */
export interface CutChange {
  readonly kind: 'cut'
  readonly pieces: number
  readonly change: ConfigChange
}

export type ChangePart = ConfigChange | ListPiece | CutChange

/** The change as it is, or the pieces of its long lists, outer lists before inner ones, and what is left of it. */
export function cutLongLists(change: ConfigChange): readonly ChangePart[] {
  const pieces: ListPiece[] = []
  const rest = cut(change, [], pieces) as ConfigChange
  return pieces.length === 0 ? [change] : [...pieces, { kind: 'cut', pieces: pieces.length, change: rest }]
}

/** The value without its long lists; itself where it has none. */
function cut(value: object, path: Path, pieces: ListPiece[]): unknown {
  if (ArrayBuffer.isView(value) || path.length > deepest) return value
  if (Array.isArray(value) && value.length > itemsAtOnce) {
    for (let i = 0; i < value.length; i += itemsAtOnce)
      pieces.push({ kind: 'items', path, items: value.slice(i, i + itemsAtOnce) })
    return []
  }
  let copy: Record<string | number, unknown> | undefined
  for (const [key, inner] of Object.entries<unknown>(value as Record<string, unknown>)) {
    if (typeof inner !== 'object' || inner === null) continue
    const rest = cut(inner, [...path, key], pieces)
    if (rest === inner) continue
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string | number, unknown>
    copy[key] = rest
  }
  return copy ?? value
}

/**
 * The whole change again. Undefined where pieces are missing: the process has begun since they were sent, and was told then
 * of everything.
 */
export function joinLists(
  { change, pieces: count }: CutChange,
  pieces: readonly ListPiece[],
): ConfigChange | undefined {
  if (pieces.length !== count) return undefined
  for (const { path, items } of pieces) {
    let list: unknown = change
    for (const key of path) list = (list as Record<string | number, unknown>)[key]
    for (const item of items) (list as unknown[]).push(item)
  }
  return change
}
