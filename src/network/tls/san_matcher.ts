// Subject alternative names against what a validation context accepts.

import type { envoy } from '../../../proto/generated/api.d.ts'
import {
  compileStringMatcher,
  lowerAscii,
  matcherErrorMessage,
  type StringPredicate,
} from '../../common/string_matcher.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { SubjectAltName } from '../../stream_info/stream_info.ts'

type ValidationContext = envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext
type TypedMatcher = envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher
type StringMatcher = envoy.type.matcher.v3.StringMatcher

export type SanPredicate = (name: SubjectAltName) => boolean

/** One predicate for each matcher, of the typed list and of the old one; a certificate needs one match. */
export function compileSanMatchers(view: ValidationContext, errors: ConfigErrors): SanPredicate[] {
  const old = view.matchSubjectAltNames.map((matcher): SanPredicate => {
    const matches = compile(matcher, errors)
    const exact = exactDnsName(matcher)
    return (name) => {
      if (name.type === 'OTHER_NAME') return false
      return name.type === 'DNS' && exact !== undefined ? dnsNameMatches(exact, name.value) : matches(name.value)
    }
  })
  return [...view.matchTypedSubjectAltNames.map((matcher) => compileTypedSanMatcher(matcher, errors)), ...old]
}

export function compileTypedSanMatcher(view: TypedMatcher, errors: ConfigErrors): SanPredicate {
  const { sanType, matcher, oid } = view
  if (matcher === undefined) return () => false
  const matches = compile(matcher, errors)
  if (sanType === 'DNS') {
    const exact = exactDnsName(matcher)
    if (exact !== undefined) return (name) => name.type === 'DNS' && dnsNameMatches(exact, name.value)
  }
  if (sanType === 'OTHER_NAME') {
    if (oid === '') errors.add(view, 'oid', 'OTHER_NAME SAN type needs an OID')
    else if (!/^[0-2](\.\d+)+$/.test(oid)) errors.add(view, 'oid', `Failed to create OID object from '${oid}'`)
    return (name) => name.type === 'OTHER_NAME' && name.oid === oid && matches(name.value)
  }
  if (sanType === 'SAN_TYPE_UNSPECIFIED') {
    errors.add(view, 'sanType', 'SubjectAltNameMatcher.san_type: value must not be in list [SAN_TYPE_UNSPECIFIED]')
  }
  return (name) => name.type === sanType && matches(name.value)
}

function compile(matcher: StringMatcher, errors: ConfigErrors): StringPredicate {
  try {
    return compileStringMatcher(matcher)
  } catch (error) {
    errors.add(matcher, undefined, matcherErrorMessage(error))
    return () => false
  }
}

/** An exact name of the configuration also stands for what a certificate's wildcard covers. */
function exactDnsName(matcher: StringMatcher): string | undefined {
  return matcher.matchPattern === 'exact' ? lowerAscii(matcher.exact ?? '') : undefined
}

/** Whether a certificate's DNS name, which may begin with `*.`, covers a host. The wildcard stands for one label. */
export function dnsNameMatches(host: string, pattern: string): boolean {
  const lower = lowerAscii(pattern)
  const name = lowerAscii(host)
  if (name === lower) return true
  if (lower.length <= 2 || !lower.startsWith('*.')) return false
  const dot = name.indexOf('.')
  return dot > 0 && name.slice(dot) === lower.slice(1)
}

/** For names given by a request instead of the configuration: equal, or for DNS covered by a wildcard. */
export function anyNameMatches(wanted: readonly string[], names: readonly SubjectAltName[]): boolean {
  return names.some((name) =>
    wanted.some((each) => (name.type === 'DNS' ? dnsNameMatches(each, name.value) : each === name.value)),
  )
}
