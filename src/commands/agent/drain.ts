// The end of a pod: no new connections from outside, and time for those that are there.

import { setTimeout as delay } from 'node:timers/promises'
import { getLogger } from '../../common/log.ts'
import { type Admin, AdminError } from './admin.ts'
import type { AgentOptions } from './options.ts'

const log = getLogger('main')
const lookEveryMs = 250

/** Resolves when the proxy may end. */
export async function drain(admin: Admin, options: AgentOptions): Promise<void> {
  const { role, minimumDrainSeconds, exitsOnZeroConnections, drainSeconds, metricsPort, readyPort } = options
  const started = performance.now()
  try {
    // The application may still need what it asks of others.
    await admin.post(`/drain_listeners?${role === 'sidecar' ? 'inboundonly&' : ''}graceful&skip_exit`)
    await delay(minimumDrainSeconds * 1000)
    const own = new RegExp(
      `^listener\\.0\\.0\\.0\\.0_(?:${metricsPort}|${readyPort})\\.|^listener\\.admin\\.|\\.worker_\\d+\\.`,
    )
    const leftOver = async (): Promise<number> => {
      const stats = await admin.stats('^listener\\..*downstream_cx_active$')
      return [...stats].reduce((sum, [name, value]) => sum + (own.test(name) ? 0 : value), 0)
    }
    while (exitsOnZeroConnections && performance.now() - started < drainSeconds * 1000) {
      const count = await leftOver()
      if (count === 0) break
      log.info(`${count} connections are left`)
      await delay(lookEveryMs)
    }
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    log.warn(`nothing to drain: ${error.message}`)
  }
}
