/** `nuncio inject`: manifests from standard input, changed manifests out. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

const program = join(import.meta.dirname, '../../src/main.ts')

function run(manifests: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'inject', ...args], {
    input: manifests,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

function inject(manifests: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(manifests, ...args)
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

const container = `
      - name: shop
        image: shop:1
        ports: [{ name: http, containerPort: 8080 }]
        readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 5, timeoutSeconds: 2 }
        livenessProbe: { tcpSocket: { port: 8080 } }`

function deployment(metadata = '', spec = ''): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  template:
    metadata: { labels: { app: shop } ${metadata === '' ? '' : `, ${metadata}`} }
    spec:
      ${spec}
      containers:${container}
`
}

interface PodView {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> }
  spec: {
    initContainers: { name: string; args: string[] }[]
    containers: {
      name: string
      image: string
      env: { name: string; value?: string }[]
      readinessProbe: { httpGet: { path: string; port: number }; periodSeconds?: number }
      livenessProbe: object
      resources: { limits: { memory: string } }
    }[]
    volumes: { name: string }[]
  }
}

function podOf(manifest: string): PodView {
  return (parse(manifest) as { spec: { template: PodView } }).spec.template
}

const proxyOf = ({ spec }: PodView) => spec.containers.find(({ name }) => name === 'nuncio-proxy')!
const initArgs = ({ spec }: PodView) => spec.initContainers.find(({ name }) => name === 'nuncio-init')!.args
const argumentOf = (args: readonly string[], flag: string) => args[args.indexOf(flag) + 1]

describe('a deployment', () => {
  it('gets an init container, the proxy and what they need', () => {
    const pod = podOf(inject(deployment(), '--image', 'registry/nuncio:2', '--discovery-address', 'control:15010'))
    expect(pod.spec.containers.map(({ name }) => name)).toEqual(['shop', 'nuncio-proxy'])
    expect(pod.spec.initContainers.map(({ name }) => name)).toEqual(['nuncio-init'])
    expect(pod.spec.volumes.map(({ name }) => name)).toEqual(['nuncio-proxy', 'nuncio-pod'])
    expect(pod.metadata.labels).toEqual({ app: 'shop' })
    expect(proxyOf(pod).image).toBe('registry/nuncio:2')
    expect(proxyOf(pod)).toMatchObject({ args: expect.arrayContaining(['agent', 'sidecar', 'control:15010']) })
    expect(argumentOf(initArgs(pod), '-b')).toBe('*')
  })

  it('has its probes asked by the agent', () => {
    const pod = podOf(inject(deployment()))
    const [shop] = pod.spec.containers
    expect(shop.readinessProbe).toEqual({
      httpGet: { path: '/app-health/shop/readyz', port: 15020 },
      periodSeconds: 5,
      timeoutSeconds: 2,
    })
    expect(shop.livenessProbe).toEqual({ httpGet: { path: '/app-health/shop/livez', port: 15020 } })
    const probes = proxyOf(pod).env.find(({ name }) => name === 'NUNCIO_APP_PROBERS')?.value ?? ''
    expect(JSON.parse(probes)).toEqual({
      '/app-health/shop/readyz': { httpGet: { path: '/ready', port: 8080 }, timeoutSeconds: 2 },
      '/app-health/shop/livez': { tcpSocket: { port: 8080 } },
    })
  })

  it('is the same when it is injected again, and follows another template', () => {
    const once = inject(deployment())
    expect(inject(once)).toBe(once)
    const folder = mkdtempSync(join(tmpdir(), 'inject-'))
    try {
      const template = join(folder, 'template.yaml')
      writeFileSync(template, `spec: { containers: [ { name: other, image: \${image} } ] }\n`)
      const pod = podOf(inject(once, '--template', template))
      expect(pod.spec.containers.map(({ name }) => name)).toEqual(['shop', 'other'])
      expect(pod.spec.initContainers).toEqual([])
      writeFileSync(template, `spec:\n  containers: \${no_such_thing}\n`)
      const { status, stderr } = run(once, '--template', template)
      expect(status).toBe(1)
      expect(stderr).toContain('the template is wrong: line 2: nothing is known of')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('says by annotations how', () => {
    const annotations = {
      'traffic.sidecar.istio.io/excludeOutboundPorts': '3306',
      'traffic.sidecar.istio.io/excludeInboundPorts': '9999',
      'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/8',
      'sidecar.istio.io/interceptionMode': 'TPROXY',
      'sidecar.istio.io/proxyImage': 'mine:1',
      'sidecar.istio.io/proxyMemoryLimit': '2Gi',
      'sidecar.istio.io/rewriteAppHTTPProbers': 'false',
    }
    const pod = podOf(inject(deployment(`annotations: ${JSON.stringify(annotations)}`)))
    const flags = ['-o', '-d', '-i', '-m'].map((flag) => argumentOf(initArgs(pod), flag))
    expect(flags).toEqual(['3306', '15090,15021,15020,9999', '10.0.0.0/8', 'TPROXY'])
    expect(proxyOf(pod).image).toBe('mine:1')
    expect(proxyOf(pod).resources.limits.memory).toBe('2Gi')
    expect(pod.spec.containers[0].livenessProbe).toEqual({ tcpSocket: { port: 8080 } })
    expect(pod.metadata.annotations).toMatchObject(annotations)
  })
})

describe('what stays as it is', () => {
  it.each([
    ['a pod that does not want it', deployment('annotations: { sidecar.istio.io/inject: "false" }')],
    ['one that says so by a label', deployment().replace('app: shop', 'app: shop, sidecar.istio.io/inject: "false"')],
    ["one of the host's network", deployment('', 'hostNetwork: true')],
    ['one of the system', deployment().replace('name: shop }', 'name: shop, namespace: kube-system }')],
    ['a service', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: shop # here\n'],
  ])('%s', (_name, manifest) => {
    expect(parse(inject(manifest))).toEqual(parse(manifest))
  })

  it('comments of documents without pods', () => {
    expect(inject(`# first\nkind: Service # kept\n---\n${deployment()}`)).toMatch(
      /^# first\nkind: Service # kept\n---\n/,
    )
  })
})

it('finds pods in lists, cron jobs and by themselves', () => {
  const pod = `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers: [ { name: p, image: p } ]\n`
  const cron = `kind: CronJob\nmetadata: { name: c }\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers: [ { name: c, image: c } ]\n`
  const list = `kind: List\nitems:\n- kind: Pod\n  metadata: { name: l }\n  spec: { containers: [ { name: l, image: l } ] }\n`
  const text = inject([pod, cron, list].join('---\n'))
  expect(parseAllDocuments(text)).toHaveLength(3)
  expect(text.match(/name: nuncio-proxy\n\s+image/g)).toHaveLength(3)
})

it('tells what is wrong', () => {
  expect(run('a: [1\n')).toMatchObject({ status: 1, stderr: expect.stringContaining('the manifests are no YAML') })
  const probe = deployment().replace('port: http', 'port: web')
  expect(run(probe).stderr).toContain("container shop: a probe names port 'web', which it does not have")
  expect(run('', '--nothing').stderr).toContain("Unknown option '--nothing'")
})
