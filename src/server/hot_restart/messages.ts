// What a new process and the one before it say to each other while the one takes over from the other.

/** A listening socket of the process before: its descriptor comes with the message. */
export interface PassedSocket {
  /** Which address of which listener it is: see `socketKey`. */
  readonly key: string
}

/** Each is answered by an `Answer` of the same type, in order. */
export type Request =
  /** First: who asks. */
  | { readonly type: 'hello'; readonly version: string; readonly epoch: number }
  /** Listening sockets, from that position on. */
  | { readonly type: 'sockets'; readonly from: number }
  /** The segment of the stats. */
  | { readonly type: 'stats' }
  /** The admin interface's socket: the process before answers there no more. */
  | { readonly type: 'admin' }
  /** The new process accepts: the one before it does so no more, and asks its connections to leave. */
  | { readonly type: 'drain' }
  /** The time of the process before is over. */
  | { readonly type: 'terminate' }

export type Answer =
  | { readonly type: 'hello'; readonly pid: number }
  | { readonly type: 'sockets'; readonly sockets: readonly PassedSocket[]; readonly isLast: boolean }
  | { readonly type: 'stats' }
  /** Without a descriptor where there is no admin interface. */
  | { readonly type: 'admin'; readonly key: string }
  | { readonly type: 'drain' }
  | { readonly type: 'terminate' }
  /** What was asked is not possible; in plain words. */
  | { readonly type: 'refused'; readonly reason: string }

/** Three are enough, since two live at a time, and a third while the first of them ends. */
const nameCount = 3

/** The abstract name at which the process of an epoch is asked. */
export function handoverName(baseId: number, epoch: number): string {
  return `nuncio_hot_restart_${baseId}_${epoch % nameCount}`
}

/** Of all epochs. */
export function generationNames(baseId: number): string[] {
  return Array.from({ length: nameCount }, (_, epoch) => handoverName(baseId, epoch))
}
