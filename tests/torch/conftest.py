import pytest
import torch

from collapse.data.prepare import load
from collapse.data.store import write_dataset
from collapse.recipe import Recipe, Seeds


@pytest.fixture(autouse=True)
def _the_same_alone_and_after_others():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The prepared digits."""
    folder = tmp_path_factory.mktemp("digits")
    write_dataset(folder, "digits", load("digits", folder, download=False))
    return folder


@pytest.fixture
def recipe():
    """A run of three epochs on imbalanced digits."""
    return Recipe.model_validate(
        {
            "dataset": "digits",
            "model": "mlp",
            "imbalance": {"k_major": 7, "n_major": 40, "ratio": 10, "oversampling": 3},
            "protocol": {
                "learning_rate": 0.1,
                "momentum": 0.9,
                "weight_decay": 1e-3,
                "batch_size": 64,
                "epochs": 3,
                "milestones": ["1/3", "2/3"],
            },
            "seeds": Seeds.all(0),
        }
    )
