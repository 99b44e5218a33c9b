import { describe, expect, it } from 'vitest'
import {
  type Figure,
  goalText,
  numberText,
  ratioToEnvoy,
  reachesGoal,
  spreadOf,
  spreadText,
} from '../../bench/figure.ts'

const figure = (samples: Figure['samples'], goal?: Figure['goal']): Figure => ({
  name: 'requests a second',
  unit: '/s',
  samples,
  ...(goal === undefined ? {} : { goal }),
})

describe('a figure', () => {
  it('is spread between its least and its most, whatever their order', () => {
    expect(spreadOf([10, 2, 1])).toEqual({ median: 2, least: 1, most: 10 })
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4 })
  })

  it("is divided by Envoy's of the same turn", () => {
    expect(ratioToEnvoy(figure({ nuncio: [150, 160], envoy: [100, 80] }), 'nuncio')).toEqual({
      median: 1.75,
      least: 1.5,
      most: 2,
    })
    expect(ratioToEnvoy(figure({ nuncio: [150] }), 'nuncio')).toBeUndefined()
    expect(ratioToEnvoy(figure({ envoy: [100] }), 'nginx')).toBeUndefined()
  })

  it('reaches its goal by its median', () => {
    const samples = { nuncio: [140, 160, 170], envoy: [100, 100, 100] }
    expect(reachesGoal(figure(samples, { of: 'ratio', atLeast: 1.6 }))).toBe(true)
    expect(reachesGoal(figure(samples, { of: 'ratio', atLeast: 1.7 }))).toBe(false)
    expect(reachesGoal(figure(samples, { of: 'value', atMost: 150 }))).toBe(false)
    expect(reachesGoal(figure(samples))).toBeUndefined()
    expect(reachesGoal(figure({ envoy: [1] }, { of: 'ratio', atLeast: 1 }))).toBeUndefined()
  })

  it('is printed with the digits that count', () => {
    expect([21_034.4, 123.4, 12.345, 1, 0.06123, 0].map(numberText)).toEqual([
      '21,034',
      '123',
      '12.35',
      '1.00',
      '0.0612',
      '0',
    ])
    expect(spreadText({ median: 1.524, least: 1.48, most: 1.58 })).toBe('1.52 (1.48 to 1.58)')
    expect(spreadText({ median: 1.5, least: 1.5, most: 1.5 })).toBe('1.50')
    expect(goalText(figure({}, { of: 'ratio', atLeast: 1.5 }))).toBe("at least 1.5 x Envoy's")
    expect(goalText(figure({}, { of: 'value', atMost: 20 }))).toBe('at most 20 /s')
  })
})
