"""Where a board's outputs are wired."""


def pins_of(board):
    """One entry per output: what has its GATE_PIN, TRIPPED_PIN, SDA_PIN, SCL_PIN, I2C_ID, SENSE_PIN, VOLTAGE_INPUT."""
    return (board,) if board.SECOND is None else (board, board.SECOND)
