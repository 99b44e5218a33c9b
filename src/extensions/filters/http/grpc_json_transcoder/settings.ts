// The settings of a transcoder: its services' methods by path, and how their messages are translated.

import { readFileSync } from 'node:fs'
import type { envoy } from '../../../../../proto/generated/api.d.ts'
import {
  DescriptorLinkError,
  DescriptorSyntaxError,
  readDescriptorSet,
} from '../../../../config/dynamic/descriptor_set.ts'
import type {
  DescriptorPool,
  FieldDescriptor,
  HttpRule,
  MessageDescriptor,
  MethodDescriptor,
} from '../../../../config/dynamic/descriptors.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import { FieldPathError, resolveFieldPath } from './field_path.ts'
import { httpBodyName } from './http_body.ts'
import { PathMatcher } from './path_matcher.ts'
import type { ResponseFormat } from './response_translator.ts'

type GrpcJsonTranscoder = envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder

/** One binding of one method: what a match of the request's path leads to. */
export interface TranscodedMethod {
  readonly descriptor: MethodDescriptor
  /** `/package.Service/Method`. */
  readonly grpcPath: string
  /** `body` of the binding, split; none for `*` and for no body. */
  readonly bodyPath: readonly string[]
  /** Where the HttpBody is within the request or response message, where that is one. */
  readonly requestBodyFields: readonly FieldDescriptor[]
  readonly responseBodyFields: readonly FieldDescriptor[]
  readonly requestIsHttpBody: boolean
  readonly responseIsHttpBody: boolean
}

export interface TranscoderSettings {
  readonly pool: DescriptorPool
  readonly matcher: PathMatcher<TranscodedMethod>
  readonly format: ResponseFormat
  readonly matchIncomingRequestRoute: boolean
  readonly convertGrpcStatus: boolean
  readonly ignoreUnknownQueryParameters: boolean
  readonly captureUnknownQueryParameters: boolean
  readonly caseInsensitiveEnums: boolean
  readonly rejectUnknownMethod: boolean
  readonly rejectUnknownQueryParameters: boolean
  readonly rejectCollisions: boolean
  /** Undefined for the buffer limit of the stream. */
  readonly maxRequestBodySize: number | undefined
  readonly maxResponseBodySize: number | undefined
}

/** 'disabled' where no service is listed. Undefined where something is wrong: then the reason is in `errors`. */
export function transcoderSettings(
  config: GrpcJsonTranscoder,
  errors: ConfigErrors,
): TranscoderSettings | 'disabled' | undefined {
  if (config.services.length === 0) return 'disabled'
  const pool = readPool(config, errors)
  if (pool === undefined) return undefined
  const validation = config.requestValidationOptions
  return {
    pool,
    matcher: buildMatcher(config, pool, errors),
    format: {
      addWhitespace: config.printOptions?.addWhitespace ?? false,
      alwaysPrintPrimitiveFields: config.printOptions?.alwaysPrintPrimitiveFields ?? false,
      alwaysPrintEnumsAsInts: config.printOptions?.alwaysPrintEnumsAsInts ?? false,
      preserveProtoFieldNames: config.printOptions?.preserveProtoFieldNames ?? false,
      streamNewlineDelimited: config.printOptions?.streamNewlineDelimited ?? false,
      streamSseStyleDelimited: config.printOptions?.streamSseStyleDelimited ?? false,
    },
    matchIncomingRequestRoute: config.matchIncomingRequestRoute,
    convertGrpcStatus: config.convertGrpcStatus,
    ignoreUnknownQueryParameters: config.ignoreUnknownQueryParameters,
    captureUnknownQueryParameters: config.captureUnknownQueryParameters,
    caseInsensitiveEnums: config.caseInsensitiveEnumParsing,
    rejectUnknownMethod: validation?.rejectUnknownMethod ?? false,
    rejectUnknownQueryParameters: validation?.rejectUnknownQueryParameters ?? false,
    rejectCollisions: validation?.rejectBindingBodyFieldCollisions ?? false,
    maxRequestBodySize: config.maxRequestBodySize,
    maxResponseBodySize: config.maxResponseBodySize,
  }
}

function readPool(config: GrpcJsonTranscoder, errors: ConfigErrors): DescriptorPool | undefined {
  const field = config.descriptorSet ?? 'proto_descriptor'
  let bytes: Uint8Array
  try {
    bytes =
      config.descriptorSet === 'protoDescriptor' ? readFileSync(config.protoDescriptor!) : config.protoDescriptorBin!
  } catch (error) {
    errors.add(config, field, `Invalid path: ${config.protoDescriptor}: ${(error as Error).message}`)
    return undefined
  }
  try {
    return readDescriptorSet(bytes)
  } catch (error) {
    const expected = 'the output of protoc --include_imports --descriptor_set_out'
    if (error instanceof DescriptorSyntaxError)
      errors.add(config, field, `transcoding_filter: Unable to parse proto descriptor: ${error.message}`, { expected })
    else if (error instanceof DescriptorLinkError)
      errors.add(config, field, `transcoding_filter: Unable to build proto descriptor pool: ${error.message}`, {
        expected,
      })
    else throw error
    return undefined
  }
}

function buildMatcher(
  config: GrpcJsonTranscoder,
  pool: DescriptorPool,
  errors: ConfigErrors,
): PathMatcher<TranscodedMethod> {
  const matcher = new PathMatcher<TranscodedMethod>({
    urlUnescapeSpec: config.urlUnescapeSpec,
    queryParamUnescapePlus: config.queryParamUnescapePlus,
    matchUnregisteredCustomVerb: config.matchUnregisteredCustomVerb,
    ignoredQueryParameters: new Set(config.ignoredQueryParameters),
  })
  for (const name of config.services) {
    const service = pool.services.get(name)
    if (service === undefined) {
      errors.add(config, 'services', `transcoding_filter: Could not find '${name}' in the proto descriptor`)
      continue
    }
    for (const method of service.methods) {
      const rule = method.httpRule ?? autoRule(config, method)
      const problem = register(matcher, method, rule)
      if (problem === undefined) continue
      errors.add(config, 'services', `transcoding_filter: Cannot register '${method.fullName}'${problem}`)
    }
  }
  return matcher
}

const noRule: HttpRule = { hasPattern: false, method: '', path: '', body: '', responseBody: '', additionalBindings: [] }

/** The rule of a method that declares none. */
function autoRule(config: GrpcJsonTranscoder, method: MethodDescriptor): HttpRule {
  if (!config.autoMapping) return noRule
  return { ...noRule, hasPattern: true, method: 'POST', path: `/${method.serviceName}/${method.name}`, body: '*' }
}

/** Registers every binding of a method; answers what is wrong. */
function register(
  matcher: PathMatcher<TranscodedMethod>,
  descriptor: MethodDescriptor,
  rule: HttpRule,
): string | undefined {
  let request: BodyPlace
  let response: BodyPlace
  try {
    request = bodyPlace(descriptor.input, rule.body)
    response = bodyPlace(descriptor.output, rule.responseBody)
  } catch (error) {
    if (!(error instanceof FieldPathError)) throw error
    return `: ${error.message}`
  }
  if (response.fields.length > 0 && !response.isHttpBody)
    return `: Setting "response_body" is not supported yet for non-HttpBody fields: ${descriptor.fullName}`
  const common = {
    descriptor,
    grpcPath: `/${descriptor.serviceName}/${descriptor.name}`,
    requestBodyFields: request.fields,
    responseBodyFields: response.fields,
    requestIsHttpBody: request.isHttpBody,
    responseIsHttpBody: response.isHttpBody,
  }
  const bindings = (one: HttpRule): HttpRule[] => [one, ...one.additionalBindings.flatMap(bindings)]
  for (const one of bindings(rule)) {
    if (!one.hasPattern) continue
    const bodyPath = one.body === '*' ? [] : one.body.split('.').filter((part) => part !== '')
    if (!matcher.register(one.method, one.path, { ...common, bodyPath })) return ' to path matcher'
  }
  return undefined
}

interface BodyPlace {
  readonly fields: readonly FieldDescriptor[]
  readonly isHttpBody: boolean
}

/** Where `body` or `response_body` of a rule points to. Throws FieldPathError. */
function bodyPlace(message: MessageDescriptor, body: string): BodyPlace {
  const names = body === '*' ? [] : body.split('.').filter((part) => part !== '')
  const fields = resolveFieldPath(message, names)
  const last = fields.at(-1)
  return { fields, isHttpBody: (last === undefined ? message.fullName : last.typeName) === httpBodyName }
}
