// `nuncio inject`: Kubernetes manifests in, the same with a proxy in every pod out.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { rewriteYamlDocuments, YamlError } from '../../config/yaml_documents.ts'
import { TemplateError } from '../template.ts'
import { injectPod } from './inject_pod.ts'
import { injectionTemplate } from './injection_template.ts'
import { changePods } from './kubernetes.ts'

const helpText = `nuncio inject [OPTION...] < MANIFESTS

Adds the proxy and its init container to every pod of the manifests, and prints them. What was added before is replaced. Pods with
the label or annotation sidecar.istio.io/inject: "false", of the host's network, or of kube-system stay as they are.

  -f, --filename FILE            manifests (default -, standard input)
  --template FILE                what is added, a part of a pod's manifest (default: a built-in one)
  --image IMAGE                  image with nuncio as its entry point (default nuncio:latest)
  --discovery-address ADDRESS    of the management server (default istiod.istio-system.svc:15010)`

/** The exit code. */
export function runInject(args: readonly string[]): number {
  try {
    const { help, filename, template, image, 'discovery-address': discoveryAddress } = readFlags(args)
    if (help === true) {
      console.log(helpText)
      return 0
    }
    const manifests = readFileSync(filename === '-' ? 0 : filename, 'utf8')
    const text = template === undefined ? injectionTemplate : readFileSync(template, 'utf8')
    const options = { template: text, image, discoveryAddress }
    const injected = rewriteYamlDocuments(manifests, (document) =>
      changePods(document, (pod, owner) => injectPod(pod, owner, options)),
    )
    process.stdout.write(injected)
    return 0
  } catch (error) {
    console.error(`nuncio inject: ${messageOf(error)}\nFor all options: nuncio inject --help`)
    return 1
  }
}

function readFlags(args: readonly string[]) {
  const options = {
    filename: { type: 'string', short: 'f', default: '-' },
    template: { type: 'string' },
    image: { type: 'string', default: 'nuncio:latest' },
    'discovery-address': { type: 'string', default: 'istiod.istio-system.svc:15010' },
    help: { type: 'boolean', short: 'h' },
  } as const
  return parseArgs({ args: [...args], options, strict: true }).values
}

function messageOf(error: unknown): string {
  const { message } = error as Error
  if (error instanceof YamlError) return `the manifests are no YAML: ${message}`
  return error instanceof TemplateError ? `the template is wrong: ${message}` : message
}
