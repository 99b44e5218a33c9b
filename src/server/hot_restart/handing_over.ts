// What a running server gives to the process that takes over, and takes back should that one end too soon.

import type { Server } from '../server.ts'
import type { HandingOver, KeyedSocket } from './parent.ts'

/** The admin interface's socket, which only one of two processes answers on. */
export interface AdminSocket extends KeyedSocket {
  /** Takes no new connections, and ends those that ask for nothing. */
  pause(): void
  resume(): void
}

export function handingOver(server: Server, admin: AdminSocket | undefined): HandingOver {
  return {
    epoch: server.options.restartEpoch,
    segmentFd: server.segmentFd,
    isLive: () => server.state() === 'LIVE' || server.state() === 'DRAINING',
    listeningSockets: () => [...server.live.listeners.active()].flatMap(({ sockets }) => sockets.keyed()),
    pauseAdmin() {
      admin?.pause()
      return admin
    },
    resumeAdmin: () => admin?.resume(),
    leaveListeners: () => server.drain.leaveListeners(),
    returnToListeners: () => server.drain.returnToListeners(),
    quit: () => server.quit(),
  }
}
