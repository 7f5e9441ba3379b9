"""Distances from the general orthogonal frame, where a deep linear head and free features are optimal.

product: P (K, d), the product of the head's weights; means H^T (K, d): class means h_k, as they are where the head has
no bias, else centred at the sample mean; frame: Frame. Dang et al. 2023 (code) without a bias; derived with one.
"""

from dataclasses import dataclass

import numpy as np

from collapse.metrics.duality import alignment_distance
from collapse.metrics.geometry import frame_distance
from collapse.metrics.undefined import need, need_rows
from collapse.theory.deep_linear import Optimum


@dataclass(frozen=True)
class Frame:
    """An optimum (collapse.theory.deep_linear) as the matrices that measured ones are compared with.

    p (K,), directions U (K, K) and shift = N lambda_H; `products` (M, K, K) are those of P_j P_j^T, P_j = W_M ...
    W_(M-j+1); means (K, K) the Gram matrix of class means; logits (K, K) P (h_1 ... h_K); class-centred where `bias`.
    """

    p: np.ndarray
    directions: np.ndarray
    shift: float
    products: np.ndarray
    means: np.ndarray
    logits: np.ndarray
    bias: bool

    @classmethod
    def of(cls, optimum: Optimum, shift: float, bias: bool) -> "Frame":
        """The matrices of an optimum of a head with or without a bias; shift: N lambda_H."""
        basis, p = optimum.directions, optimum.p
        centred = optimum.centring.T @ basis
        products = np.stack([(basis * values) @ basis.T for values in optimum.partial_products])
        means = (centred * (p / (p + shift) ** 2)) @ centred.T
        return cls(p, basis, shift, products, means, optimum.logits - optimum.bias[:, None], bias)


def gof_nc2_w(product: np.ndarray, frame: Frame) -> float:
    """|| nu(P P^T) - nu(U diag(p) U^T) ||, nu(A) = A/||A||_F."""
    return partial_nc2_w(product, frame, len(frame.products))


def partial_nc2_w(product: np.ndarray, frame: Frame, factors: int) -> float:
    """The same of P_j = W_M ... W_(M-j+1) (K, d), the product of j = `factors` weights, and of its own optimum."""
    _need_survivor(frame)
    return frame_distance(product @ product.T, frame.products[factors - 1])


def gof_nc2_h(means: np.ndarray, frame: Frame) -> float:
    """|| nu(H^T H) - nu(T diag(p/(p + N lambda_H)^2) T^T) ||, T = U without bias."""
    _need_survivor(frame)
    return frame_distance(means @ means.T, frame.means)


def gof_nc3(product: np.ndarray, means: np.ndarray, frame: Frame) -> float:
    """|| nu(P H) - nu(U diag(p/(p + N lambda_H)) T^T) ||."""
    _need_survivor(frame)
    need_rows(means)
    return frame_distance(product @ means.T, frame.logits)


def gof_alignment(product: np.ndarray, means: np.ndarray, frame: Frame) -> float:
    """|| nu(P) - nu(U diag(p + N lambda_H) U^T H^T) ||; with a bias the rows of H^T are centred by their mean first."""
    lifted = (frame.directions * (frame.p + frame.shift)) @ frame.directions.T
    return alignment_distance(product, lifted @ (means - means.mean(0) if frame.bias else means))


def gof_ratio(product: np.ndarray, means: np.ndarray, frame: Frame) -> float:
    """|| ||row_k||^2/||h_k||^2 - (p_k + N lambda_H)^2 || over classes, without bias; not scale-free."""
    need(not frame.bias, "the head has a bias: its directions are no classes")
    need_rows(means)
    sizes = np.square(means).sum(1)
    need(bool(sizes.all()), "a class mean is zero")
    return float(np.linalg.norm(np.square(product).sum(1) / sizes - (frame.p + frame.shift) ** 2))


def frames_apart(frame: Frame, coded: Frame, of: str) -> float:
    """|| nu(A) - nu(B) || of the same matrix of two frames: of products (the whole product), means or logits.

    What a head at the optimum of one decay is from that of another: a floor of the metrics *_code.
    """
    _need_survivor(frame)
    _need_survivor(coded)
    one, other = getattr(frame, of), getattr(coded, of)
    return frame_distance(one[-1], other[-1]) if of == "products" else frame_distance(one, other)


def _need_survivor(frame: Frame) -> None:
    need(bool(frame.p.any()), "every class is collapsed at the optimum")
