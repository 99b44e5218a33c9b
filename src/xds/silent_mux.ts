// What stands for the aggregated stream where the bootstrap configures none: nothing ever comes of it.

import type { GrpcMux, Watch } from './grpc_mux.ts'

const silentWatch: Watch = { update: () => {}, add: () => {}, remove: () => {} }

export class SilentMux implements GrpcMux {
  start(): void {}

  addWatch(): Watch {
    return silentWatch
  }

  pause(): () => void {
    return () => {}
  }

  stop(): void {}
}
