// envoy.resource_monitors.injected_resource: the pressure stands in a file, for tests of what follows from it.

import { readFileSync } from 'node:fs'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ResourceMonitorFactory } from '../../../network/overload/resource_monitor.ts'

type InjectedResourceConfig = envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig

export const injectedResource: ResourceMonitorFactory<InjectedResourceConfig> = {
  category: 'envoy.resource_monitors',
  name: 'envoy.resource_monitors.injected_resource',
  typeUrls: ['envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig'],
  createResourceMonitor({ filename }) {
    return {
      pressure: () => {
        const text = readFileSync(filename, 'utf8').trim()
        const pressure = text === '' ? Number.NaN : Number(text)
        if (Number.isNaN(pressure)) throw new Error('failed to parse injected resource pressure')
        if (pressure < 0 || pressure > 1) throw new Error('pressure out of range')
        return pressure
      },
    }
  },
}
