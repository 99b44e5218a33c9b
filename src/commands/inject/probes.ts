// Probes of an application whose ports are captured: kubelet asks the agent, which asks the application.

import type { Container, Pod, Probe } from './kubernetes.ts'

const agentPort = 15_020
const probeNames = { livenessProbe: 'livez', readinessProbe: 'readyz', startupProbe: 'startupz' } as const

type ProbeField = keyof typeof probeNames
const probeFields = Object.keys(probeNames) as ProbeField[]

/** What the agent asks the application, by the path that kubelet asks for. */
export type ProbesByPath = Readonly<Record<string, Probe>>

/** The pod with its probes led to the agent, and what that has to do. */
export function redirectProbes(pod: Pod): { pod: Pod; probes: ProbesByPath } {
  const probes: Record<string, Probe> = {}
  const redirected = (container: Container, field: ProbeField): Container => {
    const probe = container[field]
    const asked = probe === undefined ? undefined : askable(probe, container)
    if (probe === undefined || asked === undefined) return container
    const path = pathOf(container, field)
    probes[path] = asked
    const { httpGet: _get, tcpSocket: _connect, ...rest } = probe
    return { ...container, [field]: { ...rest, httpGet: { path, port: agentPort } } }
  }
  const changed = changeContainers(pod, (container) => probeFields.reduce(redirected, container))
  return { pod: changed, probes }
}

/** The other way round. */
export function restoreProbes(pod: Pod, probes: ProbesByPath): Pod {
  const restored = (container: Container, field: ProbeField): Container => {
    const asked = probes[pathOf(container, field)]
    if (asked === undefined || container[field] === undefined) return container
    const { httpGet: _get, ...rest } = container[field]
    const { httpGet, tcpSocket } = asked
    return { ...container, [field]: { ...rest, ...(httpGet && { httpGet }), ...(tcpSocket && { tcpSocket }) } }
  }
  return changeContainers(pod, (container) => probeFields.reduce(restored, container))
}

function changeContainers(pod: Pod, change: (container: Container) => Container): Pod {
  return { ...pod, spec: { ...pod.spec, containers: pod.spec?.containers?.map(change) ?? [] } }
}

function pathOf({ name }: Container, field: ProbeField): string {
  return `/app-health/${name}/${probeNames[field]}`
}

/** Undefined for a probe that needs no port of the application. */
function askable({ httpGet, tcpSocket, timeoutSeconds }: Probe, container: Container): Probe | undefined {
  const timeout = timeoutSeconds === undefined ? {} : { timeoutSeconds }
  if (httpGet !== undefined) return { httpGet: { ...httpGet, port: portNumber(httpGet.port, container) }, ...timeout }
  if (tcpSocket !== undefined) return { tcpSocket: { port: portNumber(tcpSocket.port, container) }, ...timeout }
  return undefined
}

function portNumber(port: number | string, { name, ports = [] }: Container): number {
  if (typeof port === 'number') return port
  const found = ports.find((each) => each.name === port)?.containerPort ?? Number(port)
  if (!Number.isInteger(found))
    throw new Error(`container ${name}: a probe names port '${port}', which it does not have`)
  return found
}
