"""TensorFlow, as a traced function."""

import tensorflow as tf

from engine_work.peers import Names, leaves
from engine_work.work import names

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

xp = Names(
    tf,
    sum=lambda x, axis=None, keepdims=False: tf.reduce_sum(x, axis, keepdims),
    max=lambda x, axis=None, keepdims=False: tf.reduce_max(x, axis, keepdims),
    log=tf.math.log,
    matmul=lambda a, b: tf.linalg.matvec(a, b) if len(b.shape) == 1 else tf.matmul(a, b),
    matrix_transpose=tf.linalg.matrix_transpose,
)


def classifier(_, x, labels, *params):
    for at in range(0, len(params) - 2, 2):
        x = tf.nn.relu(x @ params[at] + params[at + 1])
    losses = tf.nn.softmax_cross_entropy_with_logits(labels, x @ params[-2] + params[-1])
    return tf.reduce_mean(losses)


NATIVE = {"P7a": classifier, "P7b": classifier, "P10": lambda _, x: tf.reduce_logsumexp(x)}
UNROLLED = ("P12",)  # minutes to trace


def asked(work):
    f = next((f for name, f in NATIVE.items() if names(name, work.name)), work.f)

    def value_and_grad(*args):
        wanted = [args[at] for at in work.wrt]
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            value = f(xp, *args)
        return value, tape.gradient(value, wanted)

    def jacobian(*args):
        (wanted,) = (args[at] for at in work.wrt)
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            value = f(xp, *args)
        return tape.jacobian(value, wanted)

    def hessian(*args):
        (wanted,) = (args[at] for at in work.wrt)
        with tf.GradientTape() as outer:
            outer.watch(wanted)
            gradient = value_and_grad(*args)[1][0]
        return outer.jacobian(gradient, wanted)

    def hvp(*args):
        args, tangents = work.split(args)
        wanted = [args[at] for at in work.wrt]
        with tf.autodiff.ForwardAccumulator(wanted, list(tangents)) as forward:
            gradients = value_and_grad(*args)[1]
        return forward.jvp(gradients)

    known = (value_and_grad, jacobian, hessian, hvp)
    return next((g for g in known if g.__name__ == work.ask), None)


def function(work):
    g = asked(work)
    if g is None or any(names(name, work.name) for name in UNROLLED):
        return None
    args = [tf.constant(arg, getattr(arg, "dtype", "float64")) for arg in work.make()]
    return tf.function(g).get_concrete_function(*args), args


WAYS = {"tf.function": function}


def arrays(answer):
    return [tf.convert_to_tensor(leaf).numpy() for leaf in leaves(answer)]
