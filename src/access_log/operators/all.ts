// Every built-in command operator by name.

import { FormatError, type OperatorSpec } from '../operator.ts'
import { addressOperators } from './address_operators.ts'
import { grpcOperators } from './grpc_operators.ts'
import { headerOperators } from './header_operators.ts'
import { metadataOperators } from './metadata_operators.ts'
import { streamOperators } from './stream_operators.ts'
import { timeOperators } from './time_operators.ts'
import { tlsOperators } from './tls_operators.ts'

/** CEL needs an expression language that Nuncio does not carry: a format that uses it is refused. */
function unsupported(name: string): OperatorSpec {
  return {
    argument: 'optional',
    length: true,
    make: () => {
      throw new FormatError(`${name}: CEL expressions are known to Envoy but not supported by Nuncio`)
    },
  }
}

export const operatorSpecs: ReadonlyMap<string, OperatorSpec> = new Map([
  ...headerOperators,
  ...streamOperators,
  ...timeOperators,
  ...tlsOperators,
  ...addressOperators,
  ...metadataOperators,
  ...grpcOperators,
  ['CEL', unsupported('CEL')],
  ['TYPED_CEL', unsupported('TYPED_CEL')],
])
