"""What a few measures are by their definitions, in float64 and NumPy, from features, labels and a classifier alone."""

import numpy as np


def expected(h, y, weight, bias=None, logits=None):
    """By metric: of features (n, d), labels (n,), weights (K, d), bias (K,) and, where not their product, logits."""
    h, y, w = np.asarray(h, dtype=np.float64), np.asarray(y), np.asarray(weight, dtype=np.float64)
    b = np.zeros(len(w)) if bias is None else np.asarray(bias, dtype=np.float64)
    classes = range(len(w))
    means = np.stack([h[y == c].mean(0) for c in classes])
    within = sum((h[y == c] - means[c]).T @ (h[y == c] - means[c]) for c in classes) / len(h)
    centred = means - means.mean(0)
    between = centred.T @ centred / len(w)
    sample_centred = means - h.mean(0)
    unit = sample_centred / np.linalg.norm(sample_centred, axis=1, keepdims=True)
    pairs = (unit @ unit.T)[~np.eye(len(w), dtype=bool)]
    logits = h @ w.T + b if logits is None else np.asarray(logits, dtype=np.float64)
    below = logits - logits.max(1, keepdims=True)
    nearest = np.linalg.norm(h[:, None] - means, axis=2).argmin(1)
    duality = w / np.linalg.norm(w) - sample_centred / np.linalg.norm(sample_centred)
    return {
        "nc1": np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / len(w),
        "within_trace": np.trace(within),
        "cosine_mean": pairs.mean(),
        "equiangularity": pairs.std(),
        "self_duality": np.square(duality).sum(),
        "nc4": np.linalg.norm(b + w @ h.mean(0)),
        "ncc_mismatch": (nearest != logits.argmax(1)).mean(),
        "accuracy": (logits.argmax(1) == y).mean(),
        "loss": (np.log(np.exp(below).sum(1)) - below[np.arange(len(y)), y]).mean(),
    }


def found(table, names, split="train"):
    """The values of those metrics in a table, of all classes."""
    table = table[(table.split == split) & (table.classes == "all") & table.layer.isin(["features", "network"])]
    table = table[table.bn_mode == "eval"]
    return {name: table[table.metric == name].value.item() for name in names}
