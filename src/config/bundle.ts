// The shape of `proto/generated/api.json`: Envoy's API as one table of messages and enums.

/** The whole bundle. Keys are full protobuf names without a leading dot. */
export interface Bundle {
  messages: Record<string, BundleMessage>
  enums: Record<string, BundleEnum>
}

export interface BundleMessage {
  fields: BundleField[]
  oneofs?: BundleOneof[]
  /** `validate.disabled`: no rule of this message or below it holds. */
  validateDisabled?: true
  deprecated?: true
}

export interface BundleField {
  /** The name as declared, snake_case. */
  name: string
  number: number
  /** A scalar's name (`uint32`, `string`...) or the full name of a message or enum. */
  type: string
  repeated?: true
  /** A map's key type; `type` is then the type of its values. */
  mapKey?: string
  /** Name of the oneof it belongs to. */
  oneof?: string
  /** proto3 `optional`, or proto2: presence is kept for a scalar. */
  optional?: true
  /** Only where it is not the camelCase form of the name. */
  jsonName?: string
  deprecated?: true
  /** Envoy refuses the field unless a runtime override allows it. */
  disallowed?: true
  /** To be redacted in dumps. */
  sensitive?: true
  /** The `validate.rules` of the field, as declared. */
  rules?: FieldRules
  /** Repeated scalars declared `[packed = false]`. */
  unpacked?: true
}

export interface BundleOneof {
  name: string
  required?: true
}

export interface BundleEnum {
  /** Names to numbers, in declaration order. */
  values: Record<string, number>
  deprecated?: string[]
  disallowed?: string[]
}

/** One field's validate.rules: at most one key of the kind's name, plus `message`. */
export interface FieldRules {
  [kind: string]: Rules
}

/** The rules of one kind, such as `{ min_len: 1, max_bytes: 1024 }`; nested for `items`, `keys`, `values`. */
export interface Rules {
  [rule: string]: RuleValue
}

export type RuleValue = string | number | boolean | RuleValue[] | Rules | FieldRules
