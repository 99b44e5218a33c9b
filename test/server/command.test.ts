// The command as an operator runs it: exit codes, output, files, signals.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { answeringListener, bootstrapYaml, TestFolder, until } from './support.ts'

const program = join(import.meta.dirname, '../../src/main.ts')
const admin = 'admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }\n'
const yaml = admin + bootstrapYaml(answeringListener('l'))

class Command implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #closed: Promise<unknown>
  stdout = ''
  stderr = ''

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#closed = once(this.child, 'close')
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString()
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
  }

  async exitCode(): Promise<number | null> {
    await this.#closed
    return this.child.exitCode
  }

  logs(text: string): Promise<void> {
    return until(`the log says ${text}; it says ${this.stderr}`, () => this.stderr.includes(text))
  }

  serving(): Promise<void> {
    return this.logs('starting workers')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exitCode()
  }
}

describe('printing', () => {
  test('--version', async () => {
    await using command = new Command('--version')
    expect(await command.exitCode()).toBe(0)
    expect(command.stdout).toMatch(/^\nnuncio {2}version: nuncio\/\d+\.\d+\.\d+\/envoy-1\.40\.0\//)
  })

  test('an unknown flag', async () => {
    await using command = new Command('--foo')
    expect(await command.exitCode()).toBe(1)
    expect(command.stderr).toContain('PARSE ERROR: Argument: --foo')
  })

  test('schema is JSON', async () => {
    await using command = new Command('schema')
    expect(await command.exitCode()).toBe(0)
    expect(JSON.parse(command.stdout)).toHaveProperty('$schema')
  })
})

describe('--mode validate', () => {
  test('a good file', async () => {
    using folder = new TestFolder()
    const file = folder.file('good.yaml', yaml)
    await using command = new Command('--mode', 'validate', '-c', file)
    expect(await command.exitCode()).toBe(0)
    expect(command.stdout).toBe(`configuration '${file}' OK\n`)
  })

  test('all errors of a bad file, at their places', async () => {
    using folder = new TestFolder()
    const bad = folder.file(
      'bad.yaml',
      'static_resources:\n  clusters:\n  - name: a\n    connect_timeot: 1s\n  - nam: b\n',
    )
    await using text = new Command('--mode', 'validate', '-c', bad)
    expect(await text.exitCode()).toBe(1)
    expect(text.stderr).toContain(`${bad}:4:5: error:`)
    expect(text.stderr).toContain(`${bad}:5:5: error:`)
    await using json = new Command('--mode', 'validate', '--format', 'json', '-c', bad)
    expect(await json.exitCode()).toBe(1)
    const { errors } = JSON.parse(json.stdout) as { errors: { line: number }[] }
    expect(errors.map((issue) => issue.line)).toEqual(expect.arrayContaining([4, 5]))
  })

  test('no configuration at all', async () => {
    await using command = new Command('--mode', 'validate')
    expect(await command.exitCode()).toBe(1)
    expect(command.stderr).toContain('At least one of --config-path or --config-yaml')
  })

  test('a log format from two sides', async () => {
    const config = `application_log_config: { log_format: { text_format: "%v" } }\n${yaml}`
    await using command = new Command('--mode', 'validate', '--config-yaml', config, '--log-format', '%v')
    expect(await command.exitCode()).toBe(1)
    expect(command.stderr).toContain('Only one of ApplicationLogConfig.log_format or CLI option --log-format')
  })
})

test('--mode init_only initialises and ends', async () => {
  await using command = new Command('--mode', 'init_only', '--config-yaml', yaml, '--disable-hot-restart')
  expect(await command.exitCode()).toBe(0)
  expect(command.stderr).toContain('all clusters initialized')
  expect(command.stderr).not.toContain('starting workers')
})

test('an address in use', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const busy = yaml.replace('port_value: 0 } }\n    ', `port_value: ${port} } }\n    `)
  await using command = new Command('--config-yaml', busy, '--disable-hot-restart')
  expect(await command.exitCode()).toBe(1)
  expect(command.stderr).toContain(
    `listener 'l' failed to bind or apply socket options: cannot bind '127.0.0.1:${port}': Address already in use`,
  )
  holder.close()
})

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends at once, with 0', async (signal) => {
    await using command = new Command('--config-yaml', yaml, '--disable-hot-restart', '--concurrency', '2')
    await command.serving()
    command.child.kill(signal)
    expect(await command.exitCode()).toBe(0)
    expect(command.stderr).toContain(`caught ${signal}`)
  })

  test('SIGHUP is ignored', async () => {
    await using command = new Command('--config-yaml', yaml, '--disable-hot-restart', '--concurrency', '1')
    await command.serving()
    command.child.kill('SIGHUP')
    await command.logs('caught and eating SIGHUP')
    expect(command.child.exitCode).toBeNull()
  })

  test('SIGUSR1 opens the log anew', async () => {
    using folder = new TestFolder()
    const path = join(folder.path, 'log')
    const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-path', path]
    await using command = new Command('--config-yaml', yaml, ...flags)
    await until('it serves', () => existsSync(path) && readFileSync(path, 'utf8').includes('starting workers'))
    renameSync(path, `${path}.1`)
    command.child.kill('SIGUSR1')
    await until('the log is there again', () => existsSync(path))
    command.child.kill('SIGTERM')
    expect(await command.exitCode()).toBe(0)
    expect(readFileSync(path, 'utf8')).toContain('caught SIGTERM')
    expect(readFileSync(`${path}.1`, 'utf8')).not.toContain('caught SIGTERM')
  })

  test('workers end with a main process that is killed', async () => {
    await using command = new Command('--config-yaml', yaml, '--disable-hot-restart', '--concurrency', '1')
    await command.serving()
    const children = readFileSync(`/proc/${command.child.pid}/task/${command.child.pid}/children`, 'utf8')
    const worker = Number(children.trim())
    expect(worker).toBeGreaterThan(0)
    command.child.kill('SIGKILL')
    await until('the worker is gone', () => !existsSync(`/proc/${worker}`))
  })
})

test("the bootstrap's JSON log format", async () => {
  const format = 'application_log_config: { log_format: { json_format: { level: "%l", text: "%j", from: "%g:%#" } } }\n'
  await using command = new Command('--config-yaml', format + yaml, '--disable-hot-restart', '--mode', 'init_only')
  expect(await command.exitCode()).toBe(0)
  const lines = command.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)
  expect(lines.at(-1)).toMatchObject({ level: 'info', text: 'exiting' })
  expect(lines.at(-1)?.['from']).toMatch(/^src\/server\/server\.ts:\d+$/)
})

describe('base ids', () => {
  // Held machine-wide: one that nothing else uses.
  const baseId = String(100_000 + process.pid)

  test('a second process with the same one is refused', async () => {
    using folder = new TestFolder()
    const path = join(folder.path, 'base_id')
    await using first = new Command('--config-yaml', yaml, '--base-id', baseId, '--base-id-path', path)
    await first.serving()
    expect(readFileSync(path, 'utf8')).toBe(baseId)
    await using second = new Command('--config-yaml', yaml, '--base-id', baseId)
    expect(await second.exitCode()).toBe(1)
    expect(second.stderr).toContain(`unable to bind domain socket with base_id=${baseId}, id=0, errno=98`)
    await using successor = new Command('--config-yaml', yaml, '--base-id', baseId, '--restart-epoch', '4')
    expect(await successor.exitCode()).toBe(1)
    expect(successor.stderr).toContain('refuses: its epoch is 0')
    await using free = new Command('--config-yaml', yaml, '--base-id', baseId, '--disable-hot-restart')
    await free.serving()
  })

  test('--use-dynamic-base-id writes a free one', async () => {
    using folder = new TestFolder()
    const path = join(folder.path, 'base_id')
    const flags = ['--use-dynamic-base-id', '--base-id-path', path, '--mode', 'init_only']
    await using command = new Command('--config-yaml', yaml, ...flags)
    expect(await command.exitCode()).toBe(0)
    expect(readFileSync(path, 'utf8')).toMatch(/^\d+$/)
  })

  test('an epoch without a predecessor is refused', async () => {
    await using command = new Command('--config-yaml', yaml, '--base-id', `1${baseId}`, '--restart-epoch', '1')
    expect(await command.exitCode()).toBe(1)
    expect(command.stderr).toContain('to take over from')
  })
})
