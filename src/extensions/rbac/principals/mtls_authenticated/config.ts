// envoy.rbac.principals.mtls_authenticated: clients whose certificate has been found valid, by its alternative names.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileTypedSanMatcher } from '../../../../network/tls/san_matcher.ts'
import type { RbacPrincipalFactory } from '../../../../router/rbac/rbac_matcher.ts'

type Config = envoy.extensions.rbac.principals.mtls_authenticated.v3.Config

export const mtlsAuthenticated: RbacPrincipalFactory<Config> = {
  category: 'envoy.rbac.principals',
  name: 'envoy.rbac.principals.mtls_authenticated',
  typeUrls: ['envoy.extensions.rbac.principals.mtls_authenticated.v3.Config'],
  createPrincipal(view, errors) {
    const { sanMatcher, anyValidatedClientCertificate } = view
    if (sanMatcher === undefined && !anyValidatedClientCertificate) {
      const message =
        'envoy.rbac.principals.mtls_authenticated did not have any configured validation. At least one configuration field must be set.'
      errors.add(view, undefined, message)
    }
    const matches = sanMatcher === undefined ? undefined : compileTypedSanMatcher(sanMatcher, errors)
    return ({ streamInfo: { downstream } }) => {
      if (downstream.tls?.peerCertificateValidated !== true) return false
      return matches === undefined || (downstream.tls.peerChain[0]?.altNames.some(matches) ?? false)
    }
  },
}
