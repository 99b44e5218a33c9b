// The header key format of `http_protocol_options.header_key_format`, for listeners and clusters alike.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import type { Http1Settings } from './settings.ts'

type Http1ProtocolOptions = envoy.config.core.v3.Http1ProtocolOptions
type PreserveCase = envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig

const preserveCaseType = 'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig'

export type HeaderKeySettings = Pick<Http1Settings, 'headerKeyFormat' | 'forwardReasonPhrase' | 'properCaseForAdded'>

export function headerKeySettings(options: Http1ProtocolOptions | undefined, errors: ConfigErrors): HeaderKeySettings {
  const format = options?.headerKeyFormat
  if (format?.headerFormat === 'properCaseWords')
    return { headerKeyFormat: 'properCase', forwardReasonPhrase: false, properCaseForAdded: true }
  const formatter = format?.statefulFormatter
  if (formatter === undefined)
    return { headerKeyFormat: 'lowerCase', forwardReasonPhrase: false, properCaseForAdded: false }
  if (formatter.typedConfig?.typeUrl !== preserveCaseType)
    errors.add(formatter, 'typedConfig', `the only header formatter is ${preserveCaseType}`)
  const config = formatter.typedConfig?.value as PreserveCase | undefined
  return {
    headerKeyFormat: 'preserveCase',
    forwardReasonPhrase: config?.forwardReasonPhrase ?? false,
    properCaseForAdded: config?.formatterTypeOnEnvoyHeaders === 'PROPER_CASE',
  }
}
