// Loads a bootstrap: files and command-line YAML to one validated view, with every error and warning found on the way.
import { readFileSync } from 'node:fs'
import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import { type ConfigNode, SourceText, SyntaxProblem } from './config_node.ts'
import { checkDeprecatedFields } from './deprecated_fields.ts'
import { ConfigErrors, type ConfigIssue } from './errors.ts'
import { parseJson } from './json_source.ts'
import { mergeView } from './merge.ts'
import { type MessageSchema, messageSchema } from './schema.ts'
import { validateRules } from './validate_rules.ts'
import { ViewReader } from './view_reader.ts'
import { decodeView, parseTextProto, type UnknownFields } from './wire.ts'
import { parseYaml } from './yaml_source.ts'

export type Bootstrap = envoy.config.bootstrap.v3.Bootstrap

export interface LoadOptions {
  /** `-c`: the format goes by its ending, as in Envoy. */
  configPath?: string
  /** `--config-yaml`: merged over the file, or alone. */
  configYaml?: string
  /** `--allow-unknown-static-fields`. */
  allowUnknownStaticFields?: boolean
  /** `--skip-deprecated-logs`. */
  skipDeprecatedLogs?: boolean
}

export interface LoadedBootstrap {
  /** Undefined where the text could not be read at all. Not to be used where there are errors. */
  bootstrap: Bootstrap | undefined
  /** Both kinds of issue; later phases add their own here. */
  issues: ConfigErrors
  errors: ConfigIssue[]
  warnings: ConfigIssue[]
}

type View = Record<string, unknown>

const bootstrapName = 'envoy.config.bootstrap.v3.Bootstrap'

/** Reads, merges and checks by the schema. Nothing is thrown for bad input: see `errors`. */
export function loadBootstrap(options: LoadOptions): LoadedBootstrap {
  const issues = new ConfigErrors(options.configPath ?? '')
  const schema = messageSchema(bootstrapName)!
  const allowUnknown = options.allowUnknownStaticFields ?? false
  let view: View | undefined
  if (options.configPath !== undefined) view = readFile(schema, options.configPath, issues, allowUnknown)
  if (options.configYaml !== undefined && options.configYaml !== '') {
    const text = new SourceText('<--config-yaml>', options.configYaml)
    const overlay = readText(schema, text, parseYaml, issues, allowUnknown)
    if (view === undefined || overlay === undefined) view ??= overlay
    else mergeView(schema, view, overlay)
  }
  if (options.configPath === undefined && !options.configYaml) {
    issues.add(
      undefined,
      undefined,
      'At least one of --config-path or --config-yaml or Options::configProto() should be non-empty',
    )
  }
  if (view !== undefined) checkView(schema, view, issues, options.skipDeprecatedLogs ?? false)
  return { bootstrap: view as Bootstrap | undefined, issues, errors: issues.errors, warnings: issues.warnings }
}

/** The checks that follow reading, the same for a file and an xDS resource. */
export function checkView(schema: MessageSchema, view: View, issues: ConfigErrors, skipDeprecatedLogs: boolean): void {
  const deprecations = new ConfigErrors()
  checkDeprecatedFields(schema, view, deprecations)
  issues.issues.push(...deprecations.issues.filter((issue) => issue.severity === 'error' || !skipDeprecatedLogs))
  validateRules(schema, view, issues)
}

function readFile(schema: MessageSchema, path: string, issues: ConfigErrors, allowUnknown: boolean): View | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    issues.add(undefined, undefined, `unable to read file: ${path}: ${(error as Error).message}`)
    return undefined
  }
  const ending = /\.[^./]*$/.exec(path.toLowerCase())?.[0] ?? ''
  if (ending === '.pb' || ending === '.pb_text') {
    try {
      const unknown = allowUnknown ? 'warn' : 'refuse'
      if (ending === '.pb') return decodeView(schema, bytes, issues, unknown)
      return parseTextProto(schema, bytes.toString('utf8'), issues)
    } catch (error) {
      const kind = ending === '.pb' ? 'a binary' : 'a text'
      issues.add(
        undefined,
        undefined,
        `Unable to parse file "${path}" as ${kind} protobuf (type ${schema.fullName}): ${(error as Error).message}`,
      )
      return undefined
    }
  }
  const parse = ending === '.yaml' || ending === '.yml' ? parseYaml : parseJson
  return readText(schema, new SourceText(path, bytes.toString('utf8')), parse, issues, allowUnknown)
}

function readText(
  schema: MessageSchema,
  source: SourceText,
  parse: (source: SourceText) => ConfigNode,
  issues: ConfigErrors,
  allowUnknown: boolean,
): View | undefined {
  try {
    return new ViewReader(issues, allowUnknown).readDocument(schema, parse(source))
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    issues.addSyntaxProblem(error)
    return undefined
  }
}

/** A DiscoveryResponse as text. */
export interface ResourceDocument {
  readonly versionInfo: string
  readonly resources: readonly TypedConfig[]
  /** Changes with what the document says. */
  readonly text: string
}

const responseName = 'envoy.service.discovery.v3.DiscoveryResponse'

/** Of a file, checked; its ending says in which form. Undefined where there is nothing to be read. */
export function loadResourceFile(path: string, issues: ConfigErrors): ResourceDocument | undefined {
  const schema = messageSchema(responseName)!
  return resourceDocument(readFile(schema, path, issues, true), issues)
}

/** Of JSON that a server has sent; `name` is shown in the place of a file's. */
export function loadResourceJson(name: string, text: string, issues: ConfigErrors): ResourceDocument | undefined {
  const schema = messageSchema(responseName)!
  return resourceDocument(readText(schema, new SourceText(name, text), parseJson, issues, true), issues)
}

function resourceDocument(view: View | undefined, issues: ConfigErrors): ResourceDocument | undefined {
  if (view === undefined) return undefined
  checkView(messageSchema(responseName)!, view, issues, true)
  const { versionInfo, resources } = view as unknown as envoy.service.discovery.v3.DiscoveryResponse
  return { versionInfo, resources, text: JSON.stringify([versionInfo, resources]) }
}

export interface DecodeOptions {
  /** Name of the resource, for messages. */
  name?: string
  skipDeprecatedLogs?: boolean
  /** `--reject-unknown-dynamic-fields`, `--ignore-unknown-dynamic-fields`; to warn is Envoy's default. */
  unknownFields?: UnknownFields
}

/**
 * The checked view of a resource that came as protobuf bytes. `typeUrl` may be a full URL or the bare message name.
 * `value` is undefined for an unknown type or undecodable bytes.
 */
export function decodeResource(
  typeUrl: string,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): { value: unknown; issues: ConfigErrors } {
  const issues = new ConfigErrors(options.name)
  const schema = messageSchema(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))
  if (schema === undefined) {
    issues.add(undefined, undefined, `unknown type URL ${typeUrl}`)
    return { value: undefined, issues }
  }
  try {
    const view = decodeView(schema, bytes, issues, options.unknownFields ?? 'warn')
    checkView(schema, view, issues, options.skipDeprecatedLogs ?? false)
    return { value: view, issues }
  } catch (error) {
    issues.add(undefined, undefined, `Unable to parse ${typeUrl}: ${(error as Error).message}`)
    return { value: undefined, issues }
  }
}
