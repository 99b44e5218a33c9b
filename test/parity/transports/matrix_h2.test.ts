/** The matrix of transports, for clients of HTTP/2. */
import { defineMatrix } from './define_matrix.ts'
import { matrixSuite } from './matrix_suite.ts'
import { transports } from './transports.ts'

defineMatrix(
  [matrixSuite],
  transports.filter(({ name }) => name.startsWith('h2 to ')),
)
