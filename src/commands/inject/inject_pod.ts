// Adds to a pod what a template says, for the annotations that the pod has. What was added before goes first.

import { parseYamlDocument } from '../../config/yaml_documents.ts'
import { renderTemplate } from '../template.ts'
import type { Container, Metadata, Pod, PodSpec } from './kubernetes.ts'
import { type ProbesByPath, redirectProbes, restoreProbes } from './probes.ts'

export interface InjectionOptions {
  /** A part of a pod's manifest, with placeholders. */
  readonly template: string
  readonly image: string
  readonly discoveryAddress: string
}

/** What was added, by name: `{"containers": [...], ...}`. */
const statusAnnotation = 'nuncio.dev/injected'
const injectSwitch = 'sidecar.istio.io/inject'
const listNames = ['initContainers', 'containers', 'volumes'] as const
const systemNamespaces = new Set(['kube-system', 'kube-public', 'kube-node-lease'])

interface Added {
  readonly initContainers: readonly string[]
  readonly containers: readonly string[]
  readonly volumes: readonly string[]
  readonly annotations: readonly string[]
  readonly labels: readonly string[]
  readonly probes: ProbesByPath
}

/** The same object where nothing is to be added. */
export function injectPod(pod: Pod, owner: Metadata, options: InjectionOptions): Pod {
  if (isLeftOut(pod, owner)) return pod
  const bare = withoutInjected(pod)
  const annotations = bare.metadata?.annotations ?? {}
  const rewrites = annotations['sidecar.istio.io/rewriteAppHTTPProbers'] !== 'false'
  const { pod: probed, probes } = rewrites ? redirectProbes(bare) : { pod: bare, probes: {} }
  const addition = parseYamlDocument(renderTemplate(options.template, values(annotations, probes, options))) as Pod
  return merged(probed, addition, probes)
}

function isLeftOut({ metadata, spec }: Pod, owner: Metadata): boolean {
  const wish = metadata?.labels?.[injectSwitch] ?? metadata?.annotations?.[injectSwitch]
  return wish === 'false' || spec?.hostNetwork === true || systemNamespaces.has(owner.namespace ?? '')
}

const quoted = (text: string): string => JSON.stringify(text)

function values(
  annotations: Readonly<Record<string, string>>,
  probes: ProbesByPath,
  { image, discoveryAddress }: InjectionOptions,
): Readonly<Record<string, unknown>> {
  const traffic = (name: string, byDefault: string) =>
    quoted(annotations[`traffic.sidecar.istio.io/${name}`] ?? byDefault)
  const sidecar = (name: string) => annotations[`sidecar.istio.io/${name}`]
  // The proxy's own ports are never captured, whatever a pod asks for.
  const excluded = ['15090', '15021', '15020', annotations['traffic.sidecar.istio.io/excludeInboundPorts'] ?? '']
  return {
    image: quoted(sidecar('proxyImage') ?? image),
    discovery_address: quoted(discoveryAddress),
    interception_mode: quoted(sidecar('interceptionMode') ?? 'REDIRECT'),
    log_level: quoted(sidecar('logLevel') ?? 'warning'),
    include_inbound_ports: traffic('includeInboundPorts', '*'),
    exclude_inbound_ports: quoted(excluded.filter((port) => port !== '').join(',')),
    include_outbound_ranges: traffic('includeOutboundIPRanges', '*'),
    exclude_outbound_ranges: traffic('excludeOutboundIPRanges', ''),
    include_outbound_ports: traffic('includeOutboundPorts', ''),
    exclude_outbound_ports: traffic('excludeOutboundPorts', ''),
    exclude_interfaces: traffic('excludeInterfaces', ''),
    virtual_interfaces: traffic('kubevirtInterfaces', ''),
    application_probes: quoted(JSON.stringify(probes)),
    resources: {
      requests: { cpu: sidecar('proxyCPU') ?? '100m', memory: sidecar('proxyMemory') ?? '128Mi' },
      limits: { cpu: sidecar('proxyCPULimit') ?? '2', memory: sidecar('proxyMemoryLimit') ?? '1Gi' },
    },
  }
}

/** What the pod says itself stays, but for members of lists that have the name of one that is added. */
function merged(pod: Pod, addition: Pod, probes: ProbesByPath): Pod {
  const { metadata = {}, spec = {} } = pod
  const newKeys = (own: object | undefined, added: object | undefined) =>
    Object.keys(added ?? {}).filter((key) => !Object.hasOwn(own ?? {}, key))
  const names = (list: readonly { readonly name: string }[] | undefined) => (list ?? []).map(({ name }) => name)
  const added: Added = {
    initContainers: names(addition.spec?.initContainers),
    containers: names(addition.spec?.containers),
    volumes: names(addition.spec?.volumes),
    annotations: newKeys(metadata.annotations, addition.metadata?.annotations),
    labels: newKeys(metadata.labels, addition.metadata?.labels),
    probes,
  }
  const labels = { ...addition.metadata?.labels, ...metadata.labels }
  return {
    ...pod,
    metadata: {
      ...metadata,
      ...(Object.keys(labels).length > 0 && { labels }),
      annotations: {
        ...addition.metadata?.annotations,
        ...metadata.annotations,
        [statusAnnotation]: JSON.stringify(added),
      },
    },
    spec: mergedSpec(spec, addition.spec ?? {}),
  }
}

function mergedSpec(spec: PodSpec, addition: PodSpec): PodSpec {
  const lists = listNames.map((field) => {
    const own = (spec[field] ?? []) as readonly Container[]
    const added = (addition[field] ?? []) as readonly Container[]
    return [field, [...own.filter(({ name }) => !added.some((each) => each.name === name)), ...added]] as const
  })
  return { ...addition, ...spec, ...Object.fromEntries(lists.filter(([, list]) => list.length > 0)) }
}

/** As it was before; the pod itself where nothing was added. */
function withoutInjected(pod: Pod): Pod {
  const status = pod.metadata?.annotations?.[statusAnnotation]
  if (status === undefined) return pod
  const added = JSON.parse(status) as Added
  const { metadata = {}, spec = {} } = restoreProbes(pod, added.probes)
  const without = (record: Readonly<Record<string, string>> | undefined, keys: readonly string[]) =>
    Object.fromEntries(Object.entries(record ?? {}).filter(([key]) => !keys.includes(key)))
  const lists = listNames.map((field) => {
    const list = (spec[field] ?? []) as readonly Container[]
    return [field, list.filter(({ name }) => !added[field].includes(name))] as const
  })
  const labels = without(metadata.labels, added.labels)
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: Object.keys(labels).length > 0 ? labels : undefined,
      annotations: without(metadata.annotations, [...added.annotations, statusAnnotation]),
    },
    spec: { ...spec, ...Object.fromEntries(lists) },
  }
}
