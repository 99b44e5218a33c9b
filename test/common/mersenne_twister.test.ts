import { expect, it } from 'vitest'
import { MersenneTwister } from '../../src/common/mersenne_twister.ts'

it('gives the numbers of std::mt19937', () => {
  const generator = new MersenneTwister()
  generator.seed(5489)
  expect(Array.from({ length: 3 }, () => generator.random())).toEqual([3499211612, 581869302, 3890346734])
  // The C++ standard asks for the 10000th of the default seed.
  for (let i = 3; i < 9999; i++) generator.random()
  expect(generator.random()).toBe(4123659995)
})

it('starts over with a seed', () => {
  const generator = new MersenneTwister()
  generator.seed(1)
  const first = generator.random()
  generator.random()
  generator.seed(1)
  expect(generator.random()).toBe(first)
})
