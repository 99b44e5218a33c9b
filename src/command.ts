// What a command line asks for: a text, or a server.

import { startAdmin } from './admin/admin_server.ts'
import { bootstrapJsonSchema } from './config/json_schema.ts'
import type { ExtensionRegistry } from './config/registry.ts'
import { runMain } from './server/main_process.ts'
import { helpText, parseCommandLine } from './server/options.ts'
import { hotRestartVersion, versionText } from './server/version.ts'

/** The exit code, once there is nothing more to do. */
export async function runCommand(args: readonly string[], registry: ExtensionRegistry): Promise<number> {
  const command = parseCommandLine(args)
  switch (command.kind) {
    case 'error':
      console.error(command.message)
      return 1
    case 'print':
      console.log(printed(command.what))
      return 0
    case 'run': {
      const code = await runMain(command.options, registry, startAdmin)
      // The admin server and the default backend would keep the process alive.
      process.exit(code)
    }
  }
}

function printed(what: 'help' | 'version' | 'hot_restart_version' | 'schema'): string {
  switch (what) {
    case 'help':
      return helpText()
    case 'version':
      return `\nnuncio  version: ${versionText}\n`
    case 'hot_restart_version':
      return hotRestartVersion
    case 'schema':
      return JSON.stringify(bootstrapJsonSchema(), undefined, 1)
  }
}
