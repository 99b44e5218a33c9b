// The secrets in /config_dump: those of the configuration, and those from discovery with what their files hold.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { type DataSource, readDataSource } from '../../config/data_source.ts'
import { ConfigErrors } from '../../config/errors.ts'
import { timestampText, toAnyJson } from '../../config/proto_json.ts'
import { type SecretView, secretType } from '../../network/tls/secret_manager.ts'
import type { ServerControl } from '../../server/server_control.ts'
import type { ResourceState } from '../../xds/resource_state.ts'
import { type IncludesName, withoutEmpty } from './dump_lists.ts'

/** What Envoy calls the version of what has not come. */
const noVersion = 'uninitialized'

/** The fields of envoy.admin.v3.SecretsConfigDump. What is private reads `[redacted]`. */
export function secretsDump({ context, live }: ServerControl, includesName: IncludesName): JsonObject {
  const statics = context.secrets.staticSecrets().filter(({ name }) => includesName(name))
  const dynamic = [...live.discovery.resources()].filter(
    ({ resource: { reference } }) => reference.typeUrl === secretType && includesName(reference.name),
  )
  return withoutEmpty({
    static_secrets: statics.map((secret) => ({ name: secret.name, secret: toAnyJson(secretType, secret) })),
    dynamic_active_secrets: dynamic.filter(({ resource }) => resource.view !== undefined).map(dynamicJson),
    dynamic_warming_secrets: dynamic.filter(({ resource }) => resource.view === undefined).map(dynamicJson),
  })
}

function dynamicJson({ resource, version, lastUpdatedMs }: ResourceState): JsonObject {
  const { name } = resource.reference
  const hasCome = resource.view !== undefined
  const secret = hasCome ? withContents(resource.view as SecretView) : { name }
  return {
    name,
    ...withoutEmpty({ version_info: hasCome ? version : noVersion }),
    last_updated: timestampText(lastUpdatedMs),
    secret: toAnyJson(secretType, secret),
  }
}

/** With the files that follow the secret's own changes replaced by what is in them. */
function withContents(secret: SecretView): SecretView {
  const { tlsCertificate: certificate, validationContext: validation } = secret
  if (certificate !== undefined) {
    const { certificateChain, privateKey, pkcs12 } = certificate
    const contents = { certificateChain, privateKey, pkcs12 }
    return { ...secret, tlsCertificate: { ...certificate, ...inlined(contents) } }
  }
  if (validation === undefined) return secret
  const { trustedCa, crl } = validation
  return { ...secret, validationContext: { ...validation, ...inlined({ trustedCa, crl }) } }
}

type Sources = Readonly<Record<string, DataSource | undefined>>

function inlined<T extends Sources>(sources: T): T {
  return Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, inlinedSource(source)])) as T
}

/** A file that cannot be read any more stays a name. */
function inlinedSource(source: DataSource | undefined): DataSource | undefined {
  if (source?.specifier !== 'filename') return source
  const bytes = readDataSource(source, new ConfigErrors(), { allowEmpty: true })
  if (bytes === undefined) return source
  return { ...source, filename: undefined, watchedDirectory: undefined, inlineBytes: bytes, specifier: 'inlineBytes' }
}
