/** What stands in texts of suites for what is known only when they run. */

/** With the ports of the backends that the text names: `{{backend}}`, `{{backend:NAME}}`. */
export function withPorts(text: string, backends: ReadonlyMap<string, { readonly port: number }>): string {
  return text.replaceAll(/\{\{backend(?::(\w+))?\}\}/g, (_, name = 'main') => {
    const backend = backends.get(name)
    if (backend === undefined) throw new Error(`no backend ${name}`)
    return String(backend.port)
  })
}
