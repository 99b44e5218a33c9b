// `nuncio iptables`: installs, prints or removes the rules that bring a namespace's traffic to the proxy.

import { readFileSync } from 'node:fs'
import { type CaptureOptions, helpText, parseIptablesCommand, type TproxyOptions } from './options.ts'
import { restoreText } from './restore_text.ts'
import { addedRoutes, removedRoutes } from './routes.ts'
import { captureTables, type Family } from './rules.ts'
import { runTool, ToolError } from './tool.ts'

const tools = {
  v4: { save: 'iptables-save', restore: 'iptables-restore', ip: '-4' },
  v6: { save: 'ip6tables-save', restore: 'ip6tables-restore', ip: '-6' },
}

/** The exit code. */
export function runIptables(args: readonly string[]): number {
  const command = parseIptablesCommand(args, textOf('/etc/resolv.conf'))
  switch (command.kind) {
    case 'help':
      console.log(helpText())
      return 0
    case 'error':
      console.error(`nuncio iptables: ${command.message}\nFor all options: nuncio iptables --help`)
      return 1
  }
  const options = command.kind === 'install' ? command.options : undefined
  const tproxy = command.kind === 'install' ? command.options.tproxy : command.tproxy
  try {
    // What is there goes in both families, whatever is to come: the options may have been others then.
    for (const family of ['v4', 'v6'] as const)
      bringAbout(family, family === 'v4' || options?.ipv6 ? options : undefined, tproxy, command.dryRun)
    return 0
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    console.error(`nuncio iptables: ${error.message}`)
    return 1
  }
}

/** Without options nothing is captured. */
function bringAbout(family: Family, options: CaptureOptions | undefined, tproxy: TproxyOptions, dryRun: boolean): void {
  const { save, restore, ip } = tools[family]
  // What is only printed needs no rights, and a machine without a family has nothing of it to remove.
  const look = (tool: string, args: readonly string[]) => {
    try {
      return runTool(tool, args)
    } catch (error) {
      if (error instanceof ToolError && (dryRun || options === undefined)) return ''
      throw error
    }
  }
  const text = restoreText(look(save, []), options === undefined ? [] : captureTables(options, family))
  const routes = [
    ...removedRoutes(tproxy, look('ip', [ip, 'rule', 'show'])),
    ...(options?.mode === 'TPROXY' ? addedRoutes(tproxy) : []),
  ]
  if (dryRun) {
    if (text !== '') console.log(`# ${restore} --noflush\n${text}`)
    for (const route of routes) console.log(`ip ${ip} ${route.join(' ')}`)
    return
  }
  if (text !== '') runTool(restore, ['--noflush', '--wait', '30'], text)
  for (const route of routes) runTool('ip', [ip, ...route])
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
