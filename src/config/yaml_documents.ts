// A stream of YAML documents that is read, changed and written again.

import { parse, parseAllDocuments } from 'yaml'

/** What is no YAML; `message` says where. */
export class YamlError extends Error {}

/**
 * `change` gets every document as plain values, and returns what it becomes, or the same object where it stays: then its
 * text stays too, comments included.
 */
export function rewriteYamlDocuments(text: string, change: (document: unknown) => unknown): string {
  const documents = parseAllDocuments(text, { uniqueKeys: true })
  const list = Array.isArray(documents) ? documents : []
  const written = list.map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw new YamlError(error.message)
    const before: unknown = document.toJS()
    const after = change(before)
    if (after !== before) document.contents = document.createNode(after) as typeof document.contents
    // Long lines stay as they are, whatever tools made them.
    return document.toString({ lineWidth: 0, directives: false }).trimEnd()
  })
  return written.length === 0 ? '' : `${written.join('\n---\n')}\n`
}

/** The values of one document. */
export function parseYamlDocument(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw new YamlError((error as Error).message)
  }
}
