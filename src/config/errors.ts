// Collects what is wrong with a configuration, with positions, and prints it as a compiler would.
import type { SyntaxProblem } from './config_node.ts'
import { originOf, pathOf, type SourceSpan, spanOf } from './view_origin.ts'

export interface ConfigIssue {
  severity: 'error' | 'warning'
  /** File name as given, `<--config-yaml>`, or the name of an xDS resource; empty where unknown. */
  file: string
  /** From 1; 0 where unknown. */
  line: number
  column: number
  /** YAML path, such as `static_resources.clusters[0].name`; empty for the whole document. */
  path: string
  message: string
  expected?: string
  suggestion?: string
  /** The source line with a caret under the place. */
  frame?: string
  /** It is in what an Any holds: the message around it can be read without that. */
  isInExtension?: boolean
}

export interface IssueDetails {
  expected?: string
  suggestion?: string
  /** The element meant, where the field is a list or map. */
  index?: number | string
  /** The field itself is wrong, not its value. */
  atKey?: boolean
  isInExtension?: boolean
}

/** Every issue of one configuration. Nothing here throws: errors are collected, all are shown. */
export class ConfigErrors {
  readonly issues: ConfigIssue[] = []
  #defaultFile: string

  /** `defaultFile` names the origin of views without positions, such as an xDS resource. */
  constructor(defaultFile = '') {
    this.#defaultFile = defaultFile
  }

  /** An error about a field (by its view name) of a view, or about the view itself. */
  add(view: object | undefined, field: string | undefined, message: string, details: IssueDetails = {}): void {
    this.#push('error', view, field, message, details)
  }

  warn(view: object | undefined, field: string | undefined, message: string, details: IssueDetails = {}): void {
    this.#push('warning', view, field, message, details)
  }

  /** An issue at a place in a text, for what has no view (yet). */
  addAt(
    severity: ConfigIssue['severity'],
    span: SourceSpan | undefined,
    path: string,
    message: string,
    details: IssueDetails = {},
  ): void {
    const issue: ConfigIssue = {
      severity,
      file: span?.source.name ?? this.#defaultFile,
      line: 0,
      column: 0,
      path,
      message,
    }
    if (span !== undefined) {
      Object.assign(issue, span.source.position(span.start))
      issue.frame = frameOf(span, issue.line, issue.column)
    }
    if (details.expected !== undefined) issue.expected = details.expected
    if (details.suggestion !== undefined) issue.suggestion = details.suggestion
    if (details.isInExtension) issue.isInExtension = true
    this.issues.push(issue)
  }

  addSyntaxProblem(problem: SyntaxProblem): void {
    const { source, offset, expected } = problem
    this.addAt(
      'error',
      { source, start: offset, end: offset + 1 },
      '',
      problem.message,
      expected === undefined ? {} : { expected },
    )
  }

  get errors(): ConfigIssue[] {
    return this.issues.filter((issue) => issue.severity === 'error')
  }

  get warnings(): ConfigIssue[] {
    return this.issues.filter((issue) => issue.severity === 'warning')
  }

  get hasErrors(): boolean {
    return this.issues.some((issue) => issue.severity === 'error')
  }

  #push(
    severity: ConfigIssue['severity'],
    view: object | undefined,
    field: string | undefined,
    message: string,
    details: IssueDetails,
  ): void {
    const origin = view === undefined ? undefined : originOf(view)
    this.addAt(
      severity,
      spanOf(origin, field, details.index, details.atKey),
      pathOf(origin, field, details.index),
      message,
      details,
    )
  }
}

const maxFrameWidth = 160

function frameOf(span: SourceSpan, line: number, column: number): string {
  const text = span.source.line(line).replaceAll('\t', ' ')
  const label = `${line} | `
  const cut = column > maxFrameWidth - 40 ? column - 40 : 0
  const visible = text.slice(cut, cut + maxFrameWidth)
  const start = column - 1 - cut
  const width = Math.max(1, Math.min(span.end - span.start, visible.trimEnd().length - start))
  return `  ${label}${visible}\n  ${' '.repeat(label.length - 2)}| ${' '.repeat(start)}${'^'.repeat(width)}`
}

/** One issue as text, several lines without a final line end. */
export function renderIssue(issue: ConfigIssue): string {
  const place = issue.line > 0 ? `${issue.file}:${issue.line}:${issue.column}` : issue.file || 'configuration'
  const lines = [`${place}: ${issue.severity}: ${issue.message}`]
  if (issue.path !== '') lines.push(`  at ${issue.path}`)
  if (issue.frame !== undefined) lines.push(issue.frame)
  if (issue.expected !== undefined) lines.push(`  expected ${issue.expected}`)
  if (issue.suggestion !== undefined) lines.push(`  did you mean '${issue.suggestion}'?`)
  return lines.join('\n')
}

/** All issues as a compiler prints them, in the order of their places, with a closing count. */
export function renderIssues(issues: readonly ConfigIssue[]): string {
  const sorted = issues.toSorted((a, b) =>
    a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
  )
  const errors = issues.filter((issue) => issue.severity === 'error').length
  const warnings = issues.length - errors
  const summary = [count(errors, 'error'), count(warnings, 'warning')].filter((text) => text !== '').join(', ')
  return [...sorted.map(renderIssue), summary].filter((text) => text !== '').join('\n')
}

function count(number: number, noun: string): string {
  return number === 0 ? '' : `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** For tools: `{"valid": true, "errors": [...], "warnings": [...]}`, one issue an object of ConfigIssue's fields. */
export function issuesToJson(issues: readonly ConfigIssue[]): string {
  const errors = issues.filter((issue) => issue.severity === 'error')
  const warnings = issues.filter((issue) => issue.severity === 'warning')
  return JSON.stringify({ valid: errors.length === 0, errors, warnings }, undefined, 1)
}
