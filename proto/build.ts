// Builds what the published package runs: the generated API bundle, and the TypeScript of `src/` compiled to `dist/`.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { generate } from './generate.ts'

const packageFolder = dirname(import.meta.dirname)
const dist = join(packageFolder, 'dist')

function compile(): void {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
  const args = [join(typescript, 'bin', 'tsc'), '--project', join(packageFolder, 'tsconfig.build.json')]
  const result = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (result.status !== 0) process.exit(result.status ?? 1)
}

const generated = generate()
rmSync(dist, { recursive: true, force: true })
compile()
// The proxy reads the bundle when it starts, from the same place relative to its own files as in a checkout.
mkdirSync(join(dist, 'proto', 'generated'), { recursive: true })
cpSync(join(generated, 'api.json'), join(dist, 'proto', 'generated', 'api.json'))
