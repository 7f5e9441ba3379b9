"""The initialisers by name, without torch: an entry each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Initialiser:
    """How initial weights are drawn. `function`, a "module:function", sets the weights of a newly made Network."""

    title: str
    meaning: str
    function: str
    version: int = 1  # raised by a fix that changes what it makes (Recipe.versions)


INITIALISERS = {
    "default": Initialiser("default initialisation", "PyTorch's own", "collapse.models.heads:default"),
    "orthogonal": Initialiser(
        "orthogonal initialisation",
        "the linear head and the classifier, in mlp hidden layers too",
        "collapse.models.heads:orthogonal",
    ),
    "normal": Initialiser(
        "normal initialisation",
        "every weight, unconstrained features among them, normal of standard deviation 0.1, and biases PyTorch's own "
        "(Dang et al. 2023, code of the direct optimisation)",
        "collapse.models.heads:normal",
    ),
    "he": Initialiser(
        "He's initialisation",
        "convolutions normal of variance 2 / fan out (torchvision's ResNet), dense layers 2 / fan in, both with zero "
        "biases, and the linear head and the classifier PyTorch's own",
        "collapse.models.heads:he",
    ),
}
