// Turns Envoy's v3 .proto files, and our additions to them, into `generated/api.json` and `generated/api.d.ts`.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import protobuf from 'protobufjs'
import { buildBundle } from './bundle_writer.ts'
import { mergeOverlay } from './overlay.ts'
import { writeTypes } from './type_writer.ts'

const require = createRequire(import.meta.url)
const protoFolder = import.meta.dirname
const overlayFolder = join(protoFolder, 'overlay')

/** Folders that an `import "..."` of a .proto file is searched in, in this order. */
function includeFolders(): string[] {
  const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps')
  const packaged = ['envoy-api', 'xds', 'protoc-gen-validate', 'googleapis'].map((name) => join(deps, name))
  return [...packaged, dirname(require.resolve('protobufjs/package.json'))]
}

function protoFilesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .sort()
}

/** Envoy 1.40 knows nothing of the v2 API nor of OpenCensus, which the package still carries. */
function isV3(name: string): boolean {
  return /\/v3(alpha)?\//.test(name) || name.startsWith('udpa/') || name.startsWith('xds/')
}

/** Parses all of the API into one root, overlays merged in and all types resolved. */
export function loadApi(): protobuf.Root {
  const includes = includeFolders()
  const root = new protobuf.Root()
  const seen = new Set<string>()
  // Not Root.loadSync: it resolves all types at its end, before the overlays have declared those that are missing.
  const load = (name: string): void => {
    if (seen.has(name) || /\/(opencensus|trace_service)\.proto$/.test(name)) return
    seen.add(name)
    const folder = includes.find((candidate) => existsSync(join(candidate, name)))
    const builtIn = protobuf.common.get(name)
    if (builtIn?.nested !== undefined && builtIn.nested !== null) root.addJSON(builtIn.nested)
    // What is found nowhere, the overlays declare.
    if (builtIn !== null || folder === undefined) return
    const parsed = protobuf.parse(readFileSync(join(folder, name), 'utf8'), root, { keepCase: true })
    for (const imported of [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])]) load(imported)
  }
  for (const folder of includes.slice(0, 2)) {
    for (const name of protoFilesUnder(folder)) if (isV3(name)) load(name)
  }
  for (const name of protoFilesUnder(overlayFolder)) mergeOverlay(root, join(overlayFolder, name))
  root.resolveAll()
  return root
}

/** Writes both generated files and returns their folder. */
export function generate(): string {
  const started = performance.now()
  const bundle = buildBundle(loadApi())
  const generatedFolder = join(protoFolder, 'generated')
  mkdirSync(generatedFolder, { recursive: true })
  writeWhole(join(generatedFolder, 'api.json'), JSON.stringify(bundle))
  writeWhole(join(generatedFolder, 'api.d.ts'), writeTypes(bundle))
  const count = Object.keys(bundle.messages).length
  const ms = Math.round(performance.now() - started)
  console.log(`${relative(process.cwd(), generatedFolder) || '.'}: ${count} messages in ${ms} ms`)
  return generatedFolder
}

/** Whoever reads the file meanwhile finds the old one or the new one, never a part. */
function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}`
  writeFileSync(unfinished, text)
  renameSync(unfinished, path)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) generate()
