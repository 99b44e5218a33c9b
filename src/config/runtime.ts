// Runtime values: the merged layers as the data path reads them, by key.

import type { envoy } from '../../proto/generated/api.d.ts'
import { randomUint32 } from '../common/random.ts'

type RuntimeFractionalPercent = envoy.config.core.v3.RuntimeFractionalPercent
type FractionalPercent = envoy.type.v3.FractionalPercent
type RuntimeDouble = envoy.config.core.v3.RuntimeDouble
type RuntimePercent = envoy.config.core.v3.RuntimePercent
type RuntimeUInt32 = envoy.config.core.v3.RuntimeUInt32
type RuntimeFeatureFlag = envoy.config.core.v3.RuntimeFeatureFlag

/** A runtime value as it stands in a layer: a scalar, or a fractional percent as a struct. */
export type RuntimeValue = string | number | boolean | { readonly numerator?: number; readonly denominator?: string }

const all: FractionalPercent = { numerator: 100, denominator: 'HUNDRED' }

export const denominators: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 }

/** Nothing but a number over a known denominator: any other struct is as good as no value. */
function isFraction(value: object): boolean {
  return Object.entries(value).every(([name, field]) => {
    if (name === 'numerator') return typeof field === 'number' && field >= 0
    return name === 'denominator' && Object.hasOwn(denominators, String(field))
  })
}

export class Runtime {
  #values: ReadonlyMap<string, RuntimeValue> = new Map()

  /** Replaces all values: what the layers add up to, lower layers overridden. */
  update(values: Readonly<Record<string, RuntimeValue>>): void {
    this.#values = new Map(Object.entries(values))
  }

  get(key: string): RuntimeValue | undefined {
    return this.#values.get(key)
  }

  /** The value if it is a number from 0 on, cut down to a whole one, as Envoy's getInteger. */
  getInteger(key: string, byDefault: number): number {
    const value = this.getNumber(key, byDefault)
    return value >= 0 && value < Number.POSITIVE_INFINITY ? Math.floor(value) : byDefault
  }

  getNumber(key: string, byDefault: number): number {
    if (this.#values.size === 0) return byDefault
    const value = this.#values.get(key)
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    return typeof number === 'number' && !Number.isNaN(number) ? number : byDefault
  }

  getBoolean(key: string, byDefault: boolean): boolean {
    if (this.#values.size === 0) return byDefault
    const value = this.#values.get(key)
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    return byDefault
  }

  getString(key: string, byDefault: string): string {
    const value = this.#values.get(key)
    return value === undefined || typeof value === 'object' ? byDefault : String(value)
  }

  /** Whether a draw (any whole number from 0 on) falls into the fraction; the key may hold a percentage or a fraction. */
  featureEnabled(key: string, byDefault = all, random = randomUint32()): boolean {
    const value = key === '' ? undefined : this.#values.get(key)
    if (typeof value === 'object' && isFraction(value))
      return random % denominators[value.denominator ?? 'HUNDRED'] < (value.numerator ?? 0)
    const percent = value === undefined ? -1 : this.getInteger(key, -1)
    if (percent >= 0) return random % 100 < percent
    return random % denominators[byDefault.denominator] < byDefault.numerator
  }

  /** A kept test of a RuntimeFractionalPercent. */
  fraction(view: RuntimeFractionalPercent): (random?: number) => boolean {
    const byDefault: FractionalPercent = view.defaultValue ?? { numerator: 0, denominator: 'HUNDRED' }
    return (random) => this.featureEnabled(view.runtimeKey, byDefault, random)
  }

  uint32(view: RuntimeUInt32): () => number {
    return () => this.getInteger(view.runtimeKey, view.defaultValue)
  }

  double(view: RuntimeDouble): () => number {
    return () => this.getNumber(view.runtimeKey, view.defaultValue)
  }

  /** From 0 to 100; the default where the key holds anything else. */
  percent(view: RuntimePercent): () => number {
    const byDefault = view.defaultValue?.value ?? 0
    return () => {
      const value = this.getNumber(view.runtimeKey, byDefault)
      return value >= 0 && value <= 100 ? value : byDefault
    }
  }

  flag(view: RuntimeFeatureFlag): () => boolean {
    return () => this.getBoolean(view.runtimeKey, view.defaultValue ?? false)
  }
}
