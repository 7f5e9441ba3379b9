"""Unconstrained-feature model: where a balanced classifier with decay on weights and features must end.

    f = 1/(Kn) sum_(k,i) l(W h_ki + b, k) + lambda_W/2 ||W||^2 + lambda_H/2 ||H||^2,   b without decay

In the letters of Zhu et al. 2021: K classes of n samples, W is (K, d), H (d, Kn) has a column h_ki a sample. l is the
cross-entropy, or s ||z - e_k||^2 (s = 1/K, 1/(2K), 1/2: the losses mse, half_mse, mse_per_sample of
collapse.training.entries). Features that have to be nonnegative, as behind a ReLU, can not be a simplex, as their mean
is not zero.

That the minimisers are a simplex for cross-entropy and features of either sign is the paper's theorem. The constants,
nonnegative features and the squared error are derived here. collapse.theory.positive_layer_peeled shows that the decays
cost at least p m, with m the mean over the classes of z_kk less the mean of the z_jk over j != k, and

    p = (K-1) sqrt(n lambda_W lambda_H),   for H >= 0 sqrt(K/(K-1)) times that

with equality at logits m (e_k - 1/K), at class means that, centred, are a simplex, and W a multiple of these. Given m,
the loss is least at those logits too (below), so that f is the minimum over m of

    cross-entropy   log(1 + (K-1) e^(-m)) + p m,   m = log((K-1) (1-p) / p)     if p < (K-1)/K, else 0
    squared error   s (K-1)/K (m-1)^2 + p m,       m = 1 - p K / (2 s (K-1))   if that is positive, else 0

For cross-entropy by Jensen's inequality (there), with b = 0, or a shift that all classes share. For the squared error:
the residual z + b - e_k is at least sqrt((K-1)/K) |m_k - 1| long, its length in the direction e_k - 1/K, with m_k the
margin of z + b; the mean of the m_k is m, to which the bias adds nothing; equality is at b = 1/K.

For features of either sign p = (K-1) c with c = sqrt(n lambda_W lambda_H): with cross-entropy every wrong class has
the probability c, m = log(1/c - K + 1), and nothing is learned once K c >= 1.
"""

import math
from dataclasses import dataclass

from collapse.theory.positive_layer_peeled import check, optimal_margin


@dataclass(frozen=True)
class Minimiser:
    """The global minimisers of f, which agree in all of this.

    margin: m, of a sample's own logit over every other one; 0 where W and H are zero. weight_energy: ||w_k||^2.
    feature_energy: ||h||^2, of features as they are, not centred. cross_entropy: mean cross-entropy of the logits.
    objective: f. threshold: the value of sqrt(lambda_W lambda_H) from which on W and H are zero.
    """

    margin: float
    weight_energy: float
    feature_energy: float
    cross_entropy: float
    objective: float
    threshold: float


def minimiser(
    num_classes: int,
    samples: float,
    weight_decay: float,
    feature_decay: float,
    nonnegative: bool = False,
    squared_error: float | None = None,
) -> Minimiser:
    """Global minimisers of f: a simplex, or an orthogonal frame of features if `nonnegative`. See the module.

    num_classes: K. samples: n, of each class; for a feature penalty that is summed over a batch, the batch's samples of
    a class. weight_decay: lambda_W. feature_decay: lambda_H. squared_error: s, for that loss; None: cross-entropy.
    ValueError for fewer than 2 classes, and for samples, decays or s that are not positive.

    With C = ||w|| ||h|| = m (K-1)/K / cos, cos the cosine of h and w (1, or sqrt((K-1)/K) if nonnegative), and
    ||w||^2 / ||h||^2 = n lambda_H / lambda_W.
    """
    check(num_classes, samples=samples, weight_decay=weight_decay, feature_decay=feature_decay)
    share = (num_classes - 1) / num_classes
    cosine = math.sqrt(share) if nonnegative else 1.0
    # The roots one by one: products of tiny decays underflow.
    decays = math.sqrt(weight_decay) * math.sqrt(feature_decay)
    price = (num_classes - 1) * decays * math.sqrt(samples) / cosine
    if squared_error is None:
        margin, most = optimal_margin(num_classes, price), share
    else:
        check(num_classes, squared_error=squared_error)
        most = 2 * squared_error * share
        margin = max(1 - price / most, 0.0)
    entropy = math.log1p((num_classes - 1) * math.exp(-margin))
    loss = entropy if squared_error is None else squared_error * share * (margin - 1) ** 2
    product = margin * share / cosine
    ratio = math.sqrt(samples) * math.sqrt(feature_decay) / math.sqrt(weight_decay)
    return Minimiser(
        margin=margin,
        weight_energy=product * ratio,
        feature_energy=product / ratio,
        cross_entropy=entropy,
        objective=loss + price * margin,
        threshold=most * cosine / ((num_classes - 1) * math.sqrt(samples)),
    )
