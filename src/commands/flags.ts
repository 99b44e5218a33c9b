// Flags of the commands: a table of them, read strictly, and printed as help.

import { parseArgs } from 'node:util'

export interface Flag {
  readonly short?: string
  /** Undefined: a switch. */
  readonly byDefault?: string
  readonly multiple?: true
  readonly help: string
}

export type Flags = Readonly<Record<string, Flag>>

/** By name: a switch's boolean, a text, or a list of texts. */
export type GivenFlags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** A command line that cannot be read, or a value that cannot be meant; `message` is printed as it is. */
export class UsageError extends Error {}

/** One line a flag. `columns` are those before its help. */
export function flagLines(flags: Flags, columns: number): string {
  const hasShort = Object.values(flags).some(({ short }) => short !== undefined)
  const lines = Object.entries(flags).map(([name, { short, byDefault, help }]) => {
    const beginning = hasShort ? `  ${short === undefined ? '   ' : `-${short},`} ` : '  '
    const left = `${beginning}--${name}${byDefault === undefined ? '' : ' VALUE'}`
    return `${left.padEnd(columns)} ${help}${byDefault ? ` (default ${byDefault})` : ''}`
  })
  return lines.join('\n')
}

/** Throws UsageError. */
export function readFlags(
  flags: Flags,
  args: readonly string[],
  allowPositionals = false,
): { readonly given: GivenFlags; readonly positionals: readonly string[] } {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { short, byDefault, multiple }]) => {
      const common = short === undefined ? {} : { short }
      if (byDefault === undefined) return [name, { type: 'boolean' as const, ...common }]
      if (multiple) return [name, { type: 'string' as const, multiple, default: [byDefault], ...common }]
      return [name, { type: 'string' as const, default: byDefault, ...common }]
    }),
  )
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals })
    return { given: values as GivenFlags, positionals }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
