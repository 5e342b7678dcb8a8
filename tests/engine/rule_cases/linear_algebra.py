"""Matrix products and linear systems."""

from rule_cases.case import MATRIX, SQUARE, TENSOR, VECTOR, Case, plainly

CASES = [
    Case("matmul", plainly("matmul"), (SQUARE, MATRIX), label="matrices"),
    Case("matmul", plainly("matmul"), (SQUARE, VECTOR[:2]), label="matrix times vector"),
    Case("matmul", plainly("matmul"), (VECTOR[:2], SQUARE), label="vector times matrix"),
    Case("matmul", plainly("matmul"), (VECTOR, VECTOR + 1), label="two vectors"),
    Case("matmul", plainly("matmul"), (TENSOR, SQUARE), label="batch times matrix"),
    Case("matmul", plainly("matmul"), (SQUARE[:, :2], TENSOR[:, :2]), label="matrix times batch"),
    Case("matmul", plainly("matmul"), (TENSOR, VECTOR[:2]), label="batch times vector"),
    Case("solve", lambda xp, a, b: xp.linalg.solve(a, b), (SQUARE, SQUARE @ SQUARE), label="matrix"),
    Case("solve", lambda xp, a, b: xp.linalg.solve(a, b), (SQUARE, VECTOR[:2]), label="vector"),
]
