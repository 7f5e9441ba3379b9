"""Groups of classes that metrics are taken over, by the name they have in metrics.csv."""


def class_groups(num_classes: int) -> dict[str, slice]:
    """All classes; and for every k the first k (a majority) and the rest (its minority), by name."""
    groups = {"all": slice(0, num_classes)}
    for k in range(1, num_classes):
        groups[f"0-{k - 1}"] = slice(0, k)
        groups[f"{k}-{num_classes - 1}"] = slice(k, num_classes)
    return groups


def group_name(classes: str, k_major: int, num_classes: int) -> str:
    """Name in metrics.csv of all, majority or minority classes when the first k_major are the majority."""
    return {"all": "all", "majority": f"0-{k_major - 1}", "minority": f"{k_major}-{num_classes - 1}"}[classes]
