// The one message of a body without frames.

export class WholeBodyReader {
  count = 0

  /** 1 for the first piece that holds anything. */
  countIn(data: Buffer): number {
    if (this.count > 0 || data.length === 0) return 0
    this.count = 1
    return 1
  }
}
