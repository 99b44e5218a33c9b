import { fork } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../../src/common/token_bucket.ts'

class Clock {
  nowNs = 10n ** 15n
  readonly read = () => this.nowNs
  advanceMs(ms: number): void {
    this.nowNs += BigInt(Math.round(ms * 1e6))
  }
}

function consumeAll(bucket: TokenBucket): number {
  let taken = 0
  while (bucket.tryConsume()) taken++
  return taken
}

describe('TokenBucket', () => {
  it('starts full and is empty after as many tokens as it holds', () => {
    const clock = new Clock()
    const bucket = new TokenBucket({ maxTokens: 3, tokensPerFill: 1, fillIntervalMs: 1000 }, undefined, clock.read)
    expect(bucket.remainingTokens()).toBe(3)
    expect(consumeAll(bucket)).toBe(3)
    expect(bucket.remainingTokens()).toBe(0)
  })

  it('is full on a machine that has just booted', () => {
    const clock = new Clock()
    clock.nowNs = 5n
    const bucket = new TokenBucket({ maxTokens: 3, tokensPerFill: 1, fillIntervalMs: 60_000 }, undefined, clock.read)
    expect(consumeAll(bucket)).toBe(3)
  })

  it('fills steadily between fills, and never above its size', () => {
    const clock = new Clock()
    const bucket = new TokenBucket({ maxTokens: 10, tokensPerFill: 4, fillIntervalMs: 1000 }, undefined, clock.read)
    consumeAll(bucket)
    clock.advanceMs(249)
    expect(consumeAll(bucket)).toBe(0)
    expect(bucket.nextTokenAvailableMs()).toBeCloseTo(1, 3)
    clock.advanceMs(1)
    expect(consumeAll(bucket)).toBe(1)
    clock.advanceMs(1000)
    expect(consumeAll(bucket)).toBe(4)
    clock.advanceMs(1e9)
    expect(bucket.nextTokenAvailableMs()).toBe(0)
    expect(consumeAll(bucket)).toBe(10)
  })

  it('takes several tokens or none', () => {
    const clock = new Clock()
    const bucket = new TokenBucket({ maxTokens: 3, tokensPerFill: 1, fillIntervalMs: 1000 }, undefined, clock.read)
    expect(bucket.tryConsume(4)).toBe(false)
    expect(bucket.tryConsume(2)).toBe(true)
    expect(bucket.tryConsume(2)).toBe(false)
    expect(bucket.remainingTokens()).toBe(1)
  })

  it('gives as many tokens as it has of those that are asked for', () => {
    const clock = new Clock()
    const limits = { maxTokens: 1000, tokensPerFill: 1000, fillIntervalMs: 1000 }
    const bucket = new TokenBucket(limits, undefined, clock.read)
    expect(bucket.consumeUpTo(400)).toBe(400)
    expect(bucket.consumeUpTo(1000)).toBe(600)
    expect(bucket.consumeUpTo(1)).toBe(0)
    clock.advanceMs(50)
    expect(bucket.consumeUpTo(1000)).toBe(50)
    bucket.reset(7)
    expect(bucket.remainingTokens()).toBe(7)
    clock.advanceMs(3)
    expect(bucket.consumeUpTo(1000)).toBe(10)
  })

  it('takes tokens back until it is full', () => {
    const clock = new Clock()
    const bucket = new TokenBucket({ maxTokens: 5, tokensPerFill: 1, fillIntervalMs: 1000 }, undefined, clock.read)
    consumeAll(bucket)
    bucket.refill(2)
    expect(bucket.remainingTokens()).toBe(2)
    bucket.refill(20)
    expect(consumeAll(bucket)).toBe(5)
  })

  it('that holds nothing gives nothing, and says when it would fill', () => {
    const clock = new Clock()
    const bucket = new TokenBucket({ maxTokens: 0, tokensPerFill: 1, fillIntervalMs: 1000 }, undefined, clock.read)
    expect(bucket.tryConsume()).toBe(false)
    expect(bucket.nextTokenAvailableMs()).toBe(1000)
  })

  it('is one bucket for all that share its word', () => {
    const clock = new Clock()
    const cell = new BigInt64Array(1)
    const limits = { maxTokens: 5, tokensPerFill: 5, fillIntervalMs: 1000 }
    const first = new TokenBucket(limits, cell, clock.read)
    const second = new TokenBucket(limits, cell, clock.read)
    expect(first.tryConsume(3)).toBe(true)
    expect(consumeAll(second)).toBe(2)
    expect(first.tryConsume()).toBe(false)
  })

  it('uses a clock that is the same in every process', async () => {
    const before = process.hrtime.bigint()
    const child = fork('-', { stdio: ['pipe', 'ignore', 'ignore', 'ipc'] })
    child.stdin?.end('process.send(String(process.hrtime.bigint()))')
    const inChild = BigInt(
      await new Promise<string>((resolve) => child.once('message', (text) => resolve(String(text)))),
    )
    expect(inChild > before).toBe(true)
    expect(inChild < process.hrtime.bigint()).toBe(true)
  })
})
