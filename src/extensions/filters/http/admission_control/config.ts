// envoy.filters.http.admission_control: turns requests away with a probability that grows as the upstream's successes fall.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { AdmissionControlFilter } from './admission_control_filter.ts'
import { compileAdmissionControl } from './settings.ts'

type AdmissionControl = envoy.extensions.filters.http.admission_control.v3.AdmissionControl

export const admissionControlFilter: HttpFilterFactory<AdmissionControl> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.admission_control',
  typeUrls: ['envoy.extensions.filters.http.admission_control.v3.AdmissionControl'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const settings = compileAdmissionControl(view, context)
    return (builder) => builder.addFilter(new AdmissionControlFilter(settings))
  },
}
