"""A long short-term memory over 100 steps: gradients in its weights and bias."""

import numpy as np

from engine_work.work import Work, seeded

STEPS, HIDDEN, INPUTS = 100, 64, 64


def sigmoid(xp, x):
    return 1 / (1 + xp.exp(-x))


def gates(xp, z):
    """Input, forget, candidate and output gate, in the order of torch."""
    i, f, g, o = (z[:, at * HIDDEN : (at + 1) * HIDDEN] for at in range(4))
    return sigmoid(xp, i), sigmoid(xp, f), xp.tanh(g), sigmoid(xp, o)


def lstm(xp, xs, w_in, w_back, bias):
    """The sum of squares of the last hidden state; both states start at 0."""
    projected = xs @ xp.matrix_transpose(w_in) + bias
    back = xp.matrix_transpose(w_back)
    i, _, g, o = gates(xp, projected[0])
    cell = i * g
    hidden = o * xp.tanh(cell)
    for step in range(1, STEPS):
        i, f, g, o = gates(xp, projected[step] + hidden @ back)
        cell = f * cell + i * g
        hidden = o * xp.tanh(cell)
    return xp.sum(hidden * hidden)


# sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, so one tanh serves the four gates of a step.
SCALE = np.repeat([0.5, 0.5, 1.0, 0.5], HIDDEN)
LIFT = np.repeat([0.5, 0.5, 0.0, 0.5], HIDDEN)


def lstm_floor(xs, w_in, w_back, bias):
    batch, width = xs.shape[1], 4 * HIDDEN
    rows = xs.reshape(-1, INPUTS)
    z = rows @ w_in.T
    z += bias
    z *= SCALE
    z = z.reshape(STEPS, batch, width)
    back = np.multiply(w_back.T, SCALE, order="C")
    cells = np.zeros((STEPS + 1, batch, HIDDEN))
    hiddens = np.zeros((STEPS + 1, batch, HIDDEN))
    bent = np.empty((STEPS, batch, HIDDEN))
    product, gated = np.empty((batch, width)), np.empty((batch, HIDDEN))
    parts = z.reshape(STEPS, batch, 4, HIDDEN)
    for step in range(STEPS):
        now, gate, cell, tanh = z[step], parts[step], cells[step + 1], bent[step]
        np.matmul(hiddens[step], back, out=product)
        now += product
        np.tanh(now, out=now)
        now *= SCALE
        now += LIFT
        np.multiply(gate[:, 0], gate[:, 2], out=gated)
        np.multiply(gate[:, 1], cells[step], out=cell)
        cell += gated
        np.tanh(cell, out=tanh)
        np.multiply(gate[:, 3], tanh, out=hiddens[step + 1])
    last = hiddens[-1]
    value = np.vdot(last, last)

    i, f, g, o = (parts[:, :, at] for at in range(4))
    slopes = np.empty_like(parts)  # of a gate's argument, all but the cotangent
    np.multiply(parts, parts, out=slopes)
    for at in (0, 1, 3):
        np.subtract(parts[:, :, at], slopes[:, :, at], out=slopes[:, :, at])
    np.subtract(1.0, slopes[:, :, 2], out=slopes[:, :, 2])
    slopes[:, :, 0] *= g
    slopes[:, :, 1] *= cells[:-1]
    slopes[:, :, 2] *= i
    slopes[:, :, 3] *= bent
    bent *= bent
    np.subtract(1.0, bent, out=bent)
    bent *= o
    to_hidden, to_cell = 2 * last, np.zeros((batch, 1, HIDDEN))
    flat = slopes.reshape(STEPS, batch, width)
    for step in range(STEPS - 1, -1, -1):
        slope = slopes[step]
        np.multiply(to_hidden, bent[step], out=gated)
        to_cell[:, 0] += gated
        slope[:, :3] *= to_cell
        slope[:, 3] *= to_hidden
        to_cell[:, 0] *= f[step]
        np.matmul(flat[step], w_back, out=to_hidden)
    rows_back = slopes.reshape(-1, width)
    return value, (
        rows_back.T @ rows,
        rows_back.T @ hiddens[:-1].reshape(-1, HIDDEN),
        rows_back.sum(axis=0),
    )


def sequences(batch):
    def make():
        generator = seeded(14)
        width = 4 * HIDDEN
        return (
            generator.normal(size=(STEPS, batch, INPUTS)),
            generator.normal(size=(width, INPUTS)) / INPUTS**0.5,
            generator.normal(size=(width, HIDDEN)) / HIDDEN**0.5,
            generator.normal(size=width) / 10,
        )

    return make


def recurrent(name, batch):
    title = f"LSTM, {STEPS} x {HIDDEN}, batch {batch}"
    return Work(
        name=name, title=title, f=lstm, make=sequences(batch), floor=lstm_floor, wrt=(1, 2, 3), goal=1.0
    )


WORKS = [recurrent("P14a", 1), recurrent("P14b", 32)]
