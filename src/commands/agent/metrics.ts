// The metrics of the proxy and of its application, on one page for Prometheus.

import type { Admin } from './admin.ts'

export interface ApplicationMetrics {
  readonly port: number
  readonly path: string
}

const scrapeTimeoutMs = 5000

/** By the pod's annotations `prometheus.io/scrape`, `port` and `path`. */
export function applicationMetrics(annotations: Readonly<Record<string, string>>): ApplicationMetrics | undefined {
  const port = Number(annotations['prometheus.io/port'] ?? 80)
  if (annotations['prometheus.io/scrape'] !== 'true' || !Number.isInteger(port)) return undefined
  return { port, path: annotations['prometheus.io/path'] ?? '/metrics' }
}

/** What one of them does not give is left out; `onFailure` hears of it. */
export async function mergedMetrics(
  admin: Admin,
  application: ApplicationMetrics | undefined,
  headers: Readonly<Record<string, string>>,
  onFailure: (whose: string, reason: string) => void,
): Promise<string> {
  const pages = [pageOf('the proxy', async () => admin.get('/stats/prometheus'), onFailure)]
  if (application !== undefined) {
    const { port, path } = application
    const scrape = () =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers, signal: AbortSignal.timeout(scrapeTimeoutMs) })
    pages.push(pageOf('the application', scrape, onFailure))
  }
  return (await Promise.all(pages)).join('')
}

async function pageOf(
  whose: string,
  scrape: () => Promise<Response>,
  onFailure: (whose: string, reason: string) => void,
): Promise<string> {
  try {
    const response = await scrape()
    if (!response.ok) throw new Error(`status ${response.status}`)
    const text = await response.text()
    return text === '' || text.endsWith('\n') ? text : `${text}\n`
  } catch (error) {
    onFailure(whose, (error as Error).message)
    return ''
  }
}
