/** Who may import whom: the direction of folders, no cycles, no barrels, third-party packages each in one place. */
import { describe, expect, it } from 'vitest'
import { packageOf, type SourceFile, sourceFiles } from './sources.ts'

const sources = sourceFiles('src')
const byPath = new Map(sources.map((file) => [file.path, file]))

/** Each folder may import itself and those before it. */
const dataPlane = [
  'common',
  'os',
  'stats',
  'config',
  'stream_info',
  'access_log',
  'network',
  'upstream',
  'http',
  'router',
  'extensions',
]
/** These stand beside the data plane: they use it and those of them before, it does not know them. */
const controlPlane = ['grpc', 'xds', 'server', 'admin', 'commands']

/** Third-party packages, and the one folder whose files may import each. */
const homes: Record<string, string> = {
  protobufjs: 'src/config',
  yaml: 'src/config',
  koffi: 'src/os',
  'prom-client': 'src/stats',
  re2js: 'src/common',
  '@grpc/grpc-js': 'src/grpc',
  undici: 'src/xds',
}

/** `src/http/codec/codec.ts` is in `http`; files of src/ itself are in no folder. */
function folderOf(path: string): string | undefined {
  const parts = path.split('/')
  return parts.length > 2 ? parts[1] : undefined
}

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true
  if (controlPlane.includes(from)) {
    return (
      dataPlane.includes(to) || (controlPlane.indexOf(to) >= 0 && controlPlane.indexOf(to) < controlPlane.indexOf(from))
    )
  }
  if (from === 'common' || from === 'os') return false
  return dataPlane.includes(to) && dataPlane.indexOf(to) < dataPlane.indexOf(from)
}

/** Files on a cycle of imports that remain when the program runs, as one path each. */
function cycles(files: readonly SourceFile[]): string[] {
  const found: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (file: SourceFile, path: readonly string[]): void => {
    if (state.get(file.path) === 'done') return
    if (state.get(file.path) === 'open') {
      found.push([...path.slice(path.indexOf(file.path)), file.path].join(' -> '))
      return
    }
    state.set(file.path, 'open')
    for (const { target, typeOnly } of file.imports) {
      const next = byPath.get(target)
      if (next !== undefined && !typeOnly) visit(next, [...path, file.path])
    }
    state.set(file.path, 'done')
  }
  for (const file of files) visit(file, [])
  return found
}

describe('imports', () => {
  it('are found', () => {
    expect(sources.length).toBeGreaterThan(100)
    expect(sources.flatMap((file) => file.imports).length).toBeGreaterThan(500)
  })

  it('lead to files that exist, or to the generated API', () => {
    const missing = sources.flatMap((file) =>
      file.imports
        .filter(({ own, target }) => own && !byPath.has(target) && target !== 'proto/generated/api.d.ts')
        .map(({ target }) => `${file.path} -> ${target}`),
    )
    expect(missing).toEqual([])
  })

  it('follow the direction of the folders', () => {
    const known = [...dataPlane, ...controlPlane]
    const wrong: string[] = []
    for (const file of sources) {
      const from = folderOf(file.path)
      if (from === undefined) continue
      if (!known.includes(from)) wrong.push(`${file.path}: the folder ${from} has no place in the order`)
      for (const { target, own } of file.imports) {
        const to = folderOf(target)
        if (own && target.startsWith('src/') && (to === undefined || !isAllowed(from, to)))
          wrong.push(`${file.path} -> ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('make no cycles', () => {
    expect(cycles(sources)).toEqual([])
  })

  it('of third-party packages stay in their folders', () => {
    const wrong: string[] = []
    for (const file of sources) {
      for (const { target, own } of file.imports) {
        const name = own ? undefined : packageOf(target)
        if (name !== undefined && !file.path.startsWith(`${homes[name]}/`)) wrong.push(`${file.path} -> ${name}`)
      }
    }
    expect(wrong).toEqual([])
  })
})

describe('modules', () => {
  it('export what they define, not only what others do', () => {
    const barrels = sources.filter(({ text }) => /^export\s+(type\s+)?\*/m.test(text) || onlyPassesOn(text))
    expect(barrels.map((file) => file.path)).toEqual([])
    expect(sources.filter((file) => file.path.endsWith('/index.ts')).map((file) => file.path)).toEqual([])
  })

  it('have no default exports', () => {
    expect(sources.filter(({ text }) => /^export default/m.test(text)).map((file) => file.path)).toEqual([])
  })
})

function onlyPassesOn(text: string): boolean {
  const passesOn = /^export\s+(type\s+)?\{[^}]*\}\s+from\s/m.test(text)
  return passesOn && !/^export\s+(async\s+)?(function|class|const|interface|type\s+\w+\s*[=<])/m.test(text)
}
