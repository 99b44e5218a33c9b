// The one error of header compression.

/** The peer broke RFC 7541. The tables of both sides differ from here on: the connection ends with COMPRESSION_ERROR. */
export class HpackError extends Error {}
