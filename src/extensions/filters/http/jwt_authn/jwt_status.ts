// How the verification of a token ends: what clients are told, and the code of it in metadata.

/** In the order of Envoy's codes; those of key sets are left out, for a set that is wrong has no keys. */
const texts = [
  'OK',
  'Jwt is missing',
  'Jwt not yet valid',
  'Jwt is expired',
  'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  'Jwt header is an invalid Base64url encoded',
  'Jwt header is an invalid JSON',
  'Jwt header [alg] field is required and must be a string',
  'Jwt header [alg] is not supported',
  'Jwt header [kid] field is not a string',
  'Jwt payload is an invalid Base64url encoded',
  'Jwt payload is an invalid JSON',
  'Jwt payload [iss] field is not a string',
  'Jwt payload [sub] field is not a string',
  'Jwt payload [iat] field is not an integer',
  'Jwt payload [iat] field is not a positive 64 bit integer',
  'Jwt payload [nbf] field is not an integer',
  'Jwt payload [nbf] field is not a positive 64 bit integer',
  'Jwt payload [exp] field is not an integer',
  'Jwt payload [exp] field is not a positive 64 bit integer',
  'Jwt payload [jti] field is not a string',
  'Jwt payload [aud] field is not a string or string list',
  'Jwt signature is an invalid Base64url encoded',
  'Jwt ED25519 signature is wrong length',
  'Jwt issuer is not configured',
  'Audiences in Jwt are not allowed',
  'Jwt verification fails',
  "Jwks doesn't have any valid public key",
  "Jwks doesn't have key to match kid or alg from Jwt",
] as const

export type JwtStatus = (typeof texts)[number]

export function statusCode(status: JwtStatus): number {
  return texts.indexOf(status)
}
