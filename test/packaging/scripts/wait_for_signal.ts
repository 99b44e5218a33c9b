const keepAlive = setInterval(() => {}, 1000)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
  process.on(signal, () => {
    console.log(signal)
    clearInterval(keepAlive)
  })
}
console.log('waiting')
