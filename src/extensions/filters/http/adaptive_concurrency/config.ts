// envoy.filters.http.adaptive_concurrency: as many requests at a time as the upstream answers without getting slower.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { fingerprint } from '../../../../common/fingerprint.ts'
import { Timer } from '../../../../common/timer.ts'
import { httpStatusCode } from '../../../../config/http_status.ts'
import type { HttpFilterContext, HttpFilterFactory } from '../../../../http/factory.ts'
import { type AdaptiveConcurrencyConfig, AdaptiveConcurrencyFilter } from './adaptive_concurrency_filter.ts'
import { GradientController, gradientStats, stateWords } from './gradient_controller.ts'
import { compileGradientSettings, type GradientSettings } from './gradient_settings.ts'
import { SharedSamples, sampleWords } from './shared_samples.ts'

type AdaptiveConcurrency = envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency

const serviceUnavailable = 503

export const adaptiveConcurrencyFilter: HttpFilterFactory<AdaptiveConcurrency> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.adaptive_concurrency',
  typeUrls: ['envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const status = view.concurrencyLimitExceededStatus
    const code = status === undefined ? serviceUnavailable : httpStatusCode(status)
    const config: AdaptiveConcurrencyConfig = {
      enabled: view.enabled === undefined ? () => true : context.runtime.flag(view.enabled),
      exceededStatus: code < 400 ? serviceUnavailable : code,
      controller: createController(view, context),
    }
    return (builder) => builder.addFilter(new AdaptiveConcurrencyFilter(config))
  },
}

function createController(view: AdaptiveConcurrency, context: HttpFilterContext): GradientController {
  const { shared, workerIndex, lifetime } = context
  const settings = compileGradientSettings(view.gradientControllerConfig, context)
  // Settings that have changed begin anew.
  const name = `${context.sharedName('adaptive_concurrency')}.${fingerprint(view)}`
  const isFirstWorker = workerIndex === 0
  const stats = gradientStats(context.scope, `${context.statPrefix}adaptive_concurrency.gradient_controller.`)
  const controller = new GradientController(settings, {
    inFlight: shared.counter(`${name}.in_flight`),
    state: shared.cells64(`${name}.state`, stateWords),
    samples: new SharedSamples(shared.cells64(`${name}.samples`, sampleWords)),
    stats,
    publishes: isFirstWorker,
  })
  if (isFirstWorker) {
    const timer = updateTimer(controller, settings)
    lifetime.onEnd(() => timer.disable())
  }
  return controller
}

function updateTimer(controller: GradientController, settings: GradientSettings): Timer {
  const timer = new Timer(() => {
    controller.update()
    timer.enable(settings.updateIntervalMs())
  })
  timer.enable(settings.updateIntervalMs())
  return timer
}
