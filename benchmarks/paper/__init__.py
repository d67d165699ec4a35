"""The paper's tables and figures, done again: one module each."""
