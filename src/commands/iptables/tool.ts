// Programs of the system that the command runs.

import { spawnSync } from 'node:child_process'

/** A program that could not be run or failed; `message` says which and why. */
export class ToolError extends Error {}

/** What it printed. */
export function runTool(tool: string, args: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync(tool, args, { input, encoding: 'utf8' })
  if (error !== undefined) throw new ToolError(`cannot run ${tool}: ${error.message}`)
  if (status !== 0) throw new ToolError(`${tool} failed (exit code ${status}): ${stderr.trim()}`)
  return stdout
}
