"""Thresholds of deep linear heads in closed form, without NumPy: planning reads them. Derived; Dang et al. 2023."""


def survival_threshold(layers: int) -> float:
    """tau_M = (M-1)^((M-1)/M) / M, 1 for M = 1: a direction survives where b/mu is below it. Derived."""
    check_layers(layers)
    return (layers - 1) ** ((layers - 1) / layers) / layers


def existence_limit(layers: int) -> float:
    """rho_M = (M+1)^2/(4M) ((M-1)/(M+1))^((M-1)/M): below it g_k has a stationary point other than x = 0. Derived.

    rho_1 = tau_1 = 1: one layer has no stationary point that is not the minimum. For M > 1, rho_M > tau_M, and between
    them the stationary point is a local minimum alone.
    """
    check_layers(layers)
    return (layers + 1) ** 2 / (4 * layers) * ((layers - 1) / (layers + 1)) ** ((layers - 1) / layers)


def decay_at_level(level: float, counts: tuple[int, ...], layers: int) -> float:
    """The decay lambda of the layers and the features at which b/n of the smallest class is level * tau_M.

    b = M N (N lambda^(M+1))^(1/M) (collapse.theory.deep_linear), so N lambda^(M+1) = (level tau_M n_min / (M N))^M.
    counts: n_k (K,). Raises ValueError for a level, counts or layers that are not positive.
    """
    if not (level > 0 and counts and min(counts) > 0):
        raise ValueError(f"a level and class counts have to be positive, not {level} and {list(counts)}")
    total = sum(counts)
    product = (level * survival_threshold(layers) * min(counts) / (layers * total)) ** layers
    return (product / total) ** (1 / (layers + 1))


def check_layers(layers: int) -> None:
    """Raise ValueError unless `layers` is a whole number, 1 or more."""
    if not (layers >= 1 and float(layers).is_integer()):
        raise ValueError(f"layers has to be a whole number, 1 or more, not {layers}")
