// The two clocks: monotonic milliseconds for durations, wall milliseconds for what people read.

export const monotonicMs: () => number = performance.now.bind(performance)

export const wallMs: () => number = Date.now
