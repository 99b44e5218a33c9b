// Builds what the published package runs: the generated API bundle, and the TypeScript compiled to `dist/`.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { generate } from './generate.ts'

const packageFolder = dirname(import.meta.dirname)
const dist = join(packageFolder, 'dist')

function compile(): void {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
  const options = [
    '--project',
    packageFolder,
    '--noEmit',
    'false',
    '--rewriteRelativeImportExtensions',
    '--outDir',
    dist,
  ]
  const result = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), ...options, '--rootDir', packageFolder], {
    stdio: 'inherit',
  })
  if (result.status !== 0) process.exit(result.status ?? 1)
}

const generated = generate()
rmSync(dist, { recursive: true, force: true })
compile()
// Only the proxy itself is published, and the bundle that it reads when it starts.
for (const name of ['bench', 'test', 'examples', 'proto']) rmSync(join(dist, name), { recursive: true, force: true })
mkdirSync(join(dist, 'proto', 'generated'), { recursive: true })
cpSync(join(generated, 'api.json'), join(dist, 'proto', 'generated', 'api.json'))
