"""Positive layer-peeled model: label-smoothed cross-entropy of free features, nonnegative or not, and weight decay.

    f = 1/(NK) sum_(n,k) l_alpha(W h_nk, n) + lambda_W ||W||^2 + lambda_H ||H||^2,   H >= 0,   no bias

In the letters of Nguyen et al. 2023 there are N classes of K samples, W is (N, M), and H (M, NK) has a column h_nk a
sample. l_alpha is the cross-entropy against (1 - alpha) e_n + alpha / N; alpha = 0 is plain cross-entropy. The paper's
theorem says that the nonnegative minimisers are an orthogonal frame; constants and proof are derived here.

Proof. f is convex in H, so the samples of a class share h_n, and ||H||^2 = K sum ||h_n||^2. Let m_n be z_nn minus the
mean of z_jn over j != n, z_n = W h_n, and m the mean of the m_n. Log-sum-exp and g below are convex, hence by Jensen

    1/N sum_n l_alpha(z_n, n) >= g(m),   g(m) = log(1 + (N-1) e^(-m)) + alpha (N-1) m / N

With the class means centred, (N-1) m = sum_n w_n . (h_n - h_mean) <= ||W|| sqrt(sum ||h_n||^2 - N ||h_mean||^2).
N^2 ||h_mean||^2 is the sum of all products h_i . h_j: at least sum ||h_n||^2 if no product is negative, else at least
0. The root is therefore at most sqrt((N-1)/N sum ||h_n||^2), or without the sign sqrt(sum ||h_n||^2). The inequality of
arithmetic and geometric means bounds the decays by their product:

    f >= phi(m) = log(1 + (N-1) e^(-m)) + c m,   c = alpha (N-1)/N + 2 sqrt(lambda_W lambda_H K N (N-1))
                                      without H >= 0,   c = alpha (N-1)/N + 2 (N-1) sqrt(lambda_W lambda_H K)

(for m >= 0; a negative m is worse than 0). phi is strictly convex, with its minimum where e^(-m) = c / ((N-1) (1-c)):

    m* = log((N-1) (1-c) / c) if c < (N-1)/N, that is if alpha + 2N sqrt(lambda_W lambda_H K N/(N-1)) < 1,
                              without H >= 0 if alpha + 2N sqrt(lambda_W lambda_H K) < 1;   m* = 0 otherwise

All bounds are equalities together at, and only at, logits m* (e_n - 1/N), lambda_W ||W||^2 = lambda_H ||H||^2, W a
multiple of the centred class means, and class means that are an orthogonal frame of equal norms (M >= N), without
H >= 0 a simplex (M >= N - 1). If m* = 0, only zero is left. A free bias without decay adds nothing: the m_n's mean has
none of it.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Minimiser:
    """The global minimisers of f, which agree in all of this.

    margin: m*, of a sample's own logit over every other one; 0 where W and H are zero.
    objective: f. classifier_norm: ||w_n||. mean_norm: ||h_n||, of the class means as they are, not centred.
    threshold: the value of sqrt(lambda_W lambda_H) from which on the minimiser is zero.
    """

    margin: float
    objective: float
    classifier_norm: float
    mean_norm: float
    threshold: float


def minimiser(
    num_classes: int,
    samples: float,
    smoothing: float,
    weight_decay: float,
    feature_decay: float,
    nonnegative: bool = True,
) -> Minimiser:
    """Global minimisers of f, an orthogonal frame if nonnegative, else a simplex. Derived, see the module.

    num_classes: N. samples: K, of each class, not necessarily whole. smoothing: alpha. weight_decay: lambda_W.
    feature_decay: lambda_H. ValueError for fewer than 2 classes, a smoothing outside [0, 1), and for samples or decays
    that are not positive.

    ||w_n|| / ||h_n|| = sqrt(K lambda_H / lambda_W), and m* (N-1)/N = w_n . h_n = cos ||w_n|| ||h_n||, with the cosine
    sqrt((N-1)/N) if nonnegative, else 1.
    """
    check(num_classes, samples=samples, weight_decay=weight_decay, feature_decay=feature_decay)
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing has to be 0 or more and below 1, not {smoothing}")
    share = (num_classes - 1) / num_classes
    cosine = math.sqrt(share) if nonnegative else 1.0
    root_decay = math.sqrt(weight_decay) * math.sqrt(feature_decay)  # the product of the decays may underflow
    c = share * (smoothing + 2 * num_classes * root_decay * math.sqrt(samples) / cosine)
    margin = optimal_margin(num_classes, c)
    product = margin * share / cosine  # ||w_n|| ||h_n||
    ratio = math.sqrt(samples) * math.sqrt(feature_decay) / math.sqrt(weight_decay)
    return Minimiser(
        margin=margin,
        objective=math.log1p((num_classes - 1) * math.exp(-margin)) + c * margin,
        classifier_norm=math.sqrt(product * ratio),
        mean_norm=math.sqrt(product / ratio),
        threshold=(1 - smoothing) * cosine / (2 * num_classes * math.sqrt(samples)),
    )


def optimal_margin(num_classes: int, price: float) -> float:
    """m* = log((N-1) (1-c) / c) if c < (N-1)/N, else 0: minimum over m >= 0 of log(1 + (N-1) e^(-m)) + c m, c > 0.

    price: c, of the decays and the smoothing for a unit of margin. Derived, see the module.
    """
    if price >= (num_classes - 1) / num_classes:
        return 0.0
    return max(math.log(num_classes - 1) + math.log1p(-price) - math.log(price), 0.0)


def check(num_classes: int, **positive: float) -> None:
    """Raise ValueError for fewer than 2 classes, and for a number in `positive` that is not positive and finite."""
    if not (num_classes >= 2 and float(num_classes).is_integer()):
        raise ValueError(f"num_classes has to be a whole number, 2 or more, not {num_classes}")
    for name, value in positive.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} has to be positive and finite, not {value}")
