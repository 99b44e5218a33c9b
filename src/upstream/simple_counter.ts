// A number that only counts, for what is shown per host and needs no name in the stats.

export class SimpleCounter {
  value = 0

  inc(): void {
    this.value++
  }

  dec(): void {
    this.value--
  }
}
