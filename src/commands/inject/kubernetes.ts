// The little that injection knows of Kubernetes objects: where pods stand in them. All else passes through.

export interface Metadata {
  readonly name?: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string; readonly [field: string]: unknown }
  readonly tcpSocket?: { readonly port: number | string; readonly [field: string]: unknown }
  readonly timeoutSeconds?: number
  readonly [field: string]: unknown
}

export interface Container {
  readonly name: string
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly [field: string]: unknown }[]
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly startupProbe?: Probe
  readonly [field: string]: unknown
}

export interface PodSpec {
  readonly hostNetwork?: boolean
  readonly initContainers?: readonly Container[]
  readonly containers?: readonly Container[]
  readonly volumes?: readonly { readonly name: string; readonly [field: string]: unknown }[]
  readonly [field: string]: unknown
}

export interface Pod {
  readonly metadata?: Metadata
  readonly spec?: PodSpec
}

interface Manifest {
  readonly kind?: string
  readonly metadata?: Metadata
  readonly spec?: Readonly<Record<string, unknown>>
  readonly items?: readonly Manifest[]
}

const withTemplate = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'])

/** The manifest with every pod of it changed; itself where `change` gives back all of them as they were. */
export function changePods<T>(manifest: T, change: (pod: Pod, owner: Metadata) => Pod): T {
  if (typeof manifest !== 'object' || manifest === null) return manifest
  const view = manifest as Manifest
  const { kind = '', metadata = {}, spec } = view
  if (Array.isArray(view.items)) {
    const items = view.items.map((item) => changePods(item, change))
    return items.every((item, i) => item === view.items?.[i]) ? manifest : { ...manifest, items }
  }
  if (kind === 'Pod') return change(view as Pod, metadata) as T
  if (kind === 'CronJob') {
    const job = spec?.['jobTemplate'] as Manifest | undefined
    const changed = changePods({ ...job, kind: 'Job', metadata }, change)
    if (job === undefined || changed.spec === job.spec) return manifest
    return { ...manifest, spec: { ...spec, jobTemplate: { ...job, spec: changed.spec } } }
  }
  const template = spec?.['template'] as Pod | undefined
  if (!withTemplate.has(kind) || template === undefined) return manifest
  const changed = change(template, metadata)
  return changed === template ? manifest : { ...manifest, spec: { ...spec, template: changed } }
}
