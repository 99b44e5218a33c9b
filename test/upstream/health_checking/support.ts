// What the tests of this folder share: health checkers over hosts of the test, and what they say of them.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { decodeResource } from '../../../src/config/load.ts'
import { encodeMessage } from '../../../src/config/wire_encode.ts'
import { fileEventSink } from '../../../src/extensions/health_check/event_sink/file/config.ts'
import { grpcHealthChecker } from '../../../src/extensions/health_checkers/grpc/config.ts'
import { httpHealthChecker } from '../../../src/extensions/health_checkers/http/config.ts'
import { tcpHealthChecker } from '../../../src/extensions/health_checkers/tcp/config.ts'
import type { HealthTransition } from '../../../src/upstream/health_checking/check_intervals.ts'
import { checkTarget } from '../../../src/upstream/health_checking/check_target.ts'
import { CheckedHost } from '../../../src/upstream/health_checking/checked_host.ts'
import { createHealthChecker } from '../../../src/upstream/health_checking/create_health_checker.ts'
import type { HealthChecker } from '../../../src/upstream/health_checking/health_checker.ts'
import type { Host } from '../../../src/upstream/host.ts'
import { Condition } from '../../support/condition.ts'
import { serverContext, startCluster, staticClusterYaml, type TestServerContext } from '../support.ts'

export type HealthCheckView = envoy.config.core.v3.HealthCheck

const typeName = 'envoy.config.core.v3.HealthCheck'
const quick = { timeout: 5000, interval: 5, noTrafficInterval: 5, unhealthyThreshold: 1, healthyThreshold: 1 }

/** A health check with everything in it; by default checks follow one another quickly. */
export function healthCheck(view: object): HealthCheckView {
  const { value, issues } = decodeResource(typeName, encodeMessage(typeName, { ...quick, ...view }))
  if (issues.hasErrors) throw new Error(issues.errors.map(({ message }) => message).join('\n'))
  return value as HealthCheckView
}

export function checkContext(runtime: Readonly<Record<string, number>> = {}): TestServerContext {
  const extensions = [tcpHealthChecker, httpHealthChecker, grpcHealthChecker, fileEventSink]
  return serverContext({ extensions, runtime })
}

/** What creating a checker reports. */
export function checkerErrors(view: object, clusterYaml = staticClusterYaml(['127.0.0.1:1'])): string[] {
  const context = checkContext()
  const cluster = startCluster(clusterYaml, context).info
  createHealthChecker(healthCheck(view), { cluster, hasTraffic: () => false }, context)
  return context.errors.errors.map(({ message }) => message)
}

/** A checker over the hosts of a cluster `c`, and each thing that it has told. */
export class Checks {
  readonly context: TestServerContext
  readonly checker: HealthChecker
  readonly hosts: CheckedHost[]
  /** `changed healthy`, one for each check. */
  readonly told: string[] = []
  onChecked: (host: CheckedHost) => void = () => {}
  readonly #changed = new Condition()

  constructor(
    view: object,
    ports: readonly number[],
    clusterMore = '',
    runtime: Readonly<Record<string, number>> = {},
  ) {
    this.context = checkContext(runtime)
    const cluster = startCluster(
      staticClusterYaml(
        ports.map((port) => `127.0.0.1:${port}`),
        clusterMore,
      ),
      this.context,
    )
    this.hosts = [...cluster.prioritySet.hosts()].map((host) => new CheckedHost(host, targetOf(host)))
    const owner = {
      cluster: cluster.info,
      hasTraffic: () => false,
      onChecked: (host: CheckedHost, transition: HealthTransition) => {
        this.told.push(`${transition} ${stateOf(host)}`)
        this.onChecked(host)
        this.#changed.wake()
      },
    }
    const checker = createHealthChecker(healthCheck(view), owner, this.context)
    if (checker === undefined || this.context.errors.hasErrors)
      throw new Error(this.context.errors.errors.map(({ message }) => message).join('\n'))
    this.checker = checker
  }

  /** Begins, and gives what the first checks have told. */
  async first(count = 1): Promise<string[]> {
    this.checker.setHosts(this.hosts)
    await this.until(() => this.told.length >= count)
    return this.told.slice(0, count)
  }

  until(holds: () => boolean): Promise<void> {
    return this.#changed.until(holds, 10_000, () => `told: ${this.told.join(', ')}`)
  }

  stat(name: string): number {
    const scope = this.context.scope.createScope('cluster.c.health_check')
    return name === 'healthy' || name === 'degraded' ? scope.gauge(name).value() : scope.counter(name).value()
  }

  stop(): void {
    this.checker.stop()
  }
}

function targetOf(host: Host) {
  const target = checkTarget(host.address, undefined, new ConfigErrors())
  if (target === undefined) throw new Error('the host has no address')
  return target
}

function stateOf(host: CheckedHost): string {
  if (host.isTimedOut) return 'timeout'
  if (host.isFailed) return host.isExcluded ? 'excluded' : 'failed'
  return host.isDegraded ? 'degraded' : 'healthy'
}
