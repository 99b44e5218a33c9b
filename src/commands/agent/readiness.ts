// Whether the proxy serves: it is live, and has the configuration of its management server.

import { type Admin, AdminError } from './admin.ts'

const updates = ['cluster_manager.cds', 'listener_manager.lds'] as const

/** Why it does not serve; undefined where it does. */
export async function unreadiness(admin: Admin, hasDiscovery: boolean): Promise<string | undefined> {
  try {
    const ready = await admin.get('/ready')
    const state = (await ready.text()).trim()
    if (!ready.ok) return `server is not live: ${state}`
    return hasDiscovery ? await missingUpdate(admin) : undefined
  } catch (error) {
    if (error instanceof AdminError) return error.message
    throw error
  }
}

async function missingUpdate(admin: Admin): Promise<string | undefined> {
  const stats = await admin.stats('^(cluster_manager\\.cds|listener_manager\\.lds)\\.(update_success|update_rejected)$')
  const missing = updates.filter((name) => (stats.get(`${name}.update_success`) ?? 0) === 0)
  if (missing.length === 0) return undefined
  const told = missing.map(
    (name) => `${name} has ${stats.get(`${name}.update_rejected`) ?? 0} refused updates and no other`,
  )
  return `config received from the management server is incomplete: ${told.join(', ')}`
}
