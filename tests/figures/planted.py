"""Planted tables of seeds for every figure, and how a test draws one from them."""

import inspect
import itertools
import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from collapse import plotting

SCRIPTS = Path(__file__).parents[2] / "workflow" / "figures"
SEEDS = (0, 1, 2)
RATIOS = [1, 10, 100, np.inf]


def of_seeds(rows, spread):
    """A table with a row for each seed: seed s adds s times its spread to each column of `spread`."""
    parts = [
        pd.DataFrame(rows).assign(seed=seed, status="ok", reason="", **{
            name: np.asarray(rows[name], float) + seed * step for name, step in spread.items()})
        for seed in SEEDS
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def networks(**columns):
    """Rows of curves over `columns`' axis: four networks, three K_A."""
    nets = [("fashion_mnist", "vgg11"), ("cifar10", "vgg13"), ("fashion_mnist", "resnet18"), ("cifar10", "resnet18")]
    (axis, values), *others = columns.items()
    cells = list(itertools.product(nets, (3, 5, 7), range(len(values))))
    table = {"dataset": [c[0][0] for c in cells], "model": [c[0][1] for c in cells], "k_major": [c[1] for c in cells]}
    table[axis] = [values[c[2]] for c in cells]
    return table | {name: [given[c[2]] for c in cells] for name, given in others}


def law(*variants, deep=4, **common):
    """Tables of D and of its fit for each variant; the last one's runs diverged, where there are two."""
    axes = {"dataset": "digits", "model": "mlp", "layers": deep, "learning_rate": 3e-5, "activation": "relu"}
    axes |= {"batch_norm": True, "status": "ok", "reason": ""} | common
    table, fit = [], []
    for i, variant in enumerate(variants or [{}]):
        failed = i > 0 and i == len(variants) - 1
        for mode, seed in itertools.product(("eval", "train"), SEEDS):
            cell = axes | variant | {"bn_mode": mode, "seed": seed} | ({"status": "diverged"} if failed else {})
            table += [
                cell
                | {
                    "layer": layer,
                    "separation_fuzziness": None
                    if failed
                    else (9 + seed + 10 * (cell["learning_rate"] == 0.3)) / 3**layer,
                }
                for layer in range(cell["layers"])
            ]
            numbers = {"r": -0.9995, "rho": 1 / 3, "train_accuracy": 1, "test_accuracy": 0.9}
            fit.append(cell | dict.fromkeys(numbers, np.nan) if failed else cell | numbers)
    return pd.DataFrame(table), pd.DataFrame(fit)


def residual():
    kinds = [{"block": kind} for kind in ("basic", "bottleneck", "mixed", "basic")][:3]
    table, fit = law(*kinds, chosen_by="held_out_accuracy")
    table = table.assign(separation_fuzziness_principal=table.separation_fuzziness)
    endings = ("_inside", "_principal", "_inside_principal")
    return table, table, fit.assign(**{f"{name}{end}": fit[name] for name in ("r", "rho") for end in endings})


def balanced():
    """The baseline, and the same farther from collapse at zero training error."""
    measures = [f"{kind}_{of}" for kind in ("equinorm", "equiangularity", "maximal_angle")
                for of in ("classifiers", "means")]  # fmt: skip
    values = {name: [0.02] for name in measures}
    table = of_seeds(networks(train_accuracy=[1.0], alignment_distance=[0.08], nc1=[0.03], **values), {"nc1": 0.001})
    table = table.query("k_major == 7")
    measures += ["alignment_distance", "nc1"]
    early = table.assign(moment="zero_error", **{name: 2 * table[name] for name in measures})
    return table, pd.concat([early, table.assign(moment="last")])


def reached():
    """Epochs at which three seeds reach each moment; one has no terminal phase."""
    epochs = {"initial": [0] * 3, "zero_error": [40, 50, 70], "tpt": [20, 30, None], "last": [600] * 3}
    rows = [(mode, moment, seed, epoch) for mode in ("eval", "train")
            for moment, known in epochs.items() for seed, epoch in enumerate(known)]  # fmt: skip
    return pd.DataFrame(rows, columns=["bn_mode", "moment", "seed", "epoch"])


def falling(measures, last=18_000, **axes):
    """A table of measures that fall by some decades over the epochs, for each combination of the axes' values."""
    epochs = [0, 1, 10, 100, 1000, last]
    cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    rows = [
        cell | {"epoch": epoch} | {name: 10.0 ** (-decades * i / 5) * (1 + j / 5) for name, decades in measures.items()}
        for j, cell in enumerate(cells)
        for i, epoch in enumerate(epochs)
    ]
    names = {name: [row[name] for row in rows] for name in rows[0]}
    return of_seeds(names, dict.fromkeys(measures, 1e-20))


HEADS = {"linear_layers": [1, 3, 6, 9], "classifier_bias": [False, True]}
DIRECT = falling(
    {"nc1": 25, "nc2_w": 8, "nc2_h": 8, "nc3": 15, "spectrum_error": 7}, balance=["balanced", "imbalanced"], **HEADS
)
IMBALANCED = falling({"nc1": 6, "nc2_w": 4, "nc2_h": 4, "nc3": 5, "nc3_code": 1.5}, last=12_000,
                     dataset=["cifar10", "emnist_letters"], linear_layers=[1, 3, 6])  # fmt: skip
LAYERS = [1, 3, 6]
CHOICES = ({"chosen_by": "held_out_accuracy"}, {"chosen_by": "test_accuracy", "learning_rate": 0.3})
DEPTHS = [
    {"dataset": dataset, "layers": layers} | choice
    for dataset, deepest in (("mnist", 12), ("fashion_mnist", 12), ("cifar10", 14))
    for layers in range(3, deepest)
    for choice in CHOICES
]
LOSSES = [("cross_entropy", None), ("label_smoothing", 0.1), ("label_smoothing", 0.2), ("label_relaxation", 0.1),
          ("mse", None)]  # fmt: skip


def of_losses(axis, values, measures, losses=LOSSES, **axes):
    """A table of measures that grow along an axis, less for later losses, for each combination of the axes' values."""
    cells = [dict(zip(axes, given, strict=True)) for given in itertools.product(*axes.values())]
    rows = [
        cell
        | {"loss": loss, "smoothing": smoothing, axis: value}
        | {name: top * (i + 1) / (j + 2) for name, top in measures.items()}
        for cell in cells
        for j, (loss, smoothing) in enumerate(losses)
        for i, value in enumerate(values)
    ]
    return of_seeds({name: [row[name] for row in rows] for name in rows[0]}, dict.fromkeys(measures, 0.01))


NOISES = [0, 0.05, 0.1, 0.2, 0.3, 0.4]
NOISY = {"dilation": 0.1, "memorization": 90, "memorization_relative": 0.1, "memorization_fraction": 0.02}
MORE = {"corruption_bias": 0.1, "nc1": 0.01, "nc1_true_labels": 0.1, "nc1_logits": 0.01, "train_accuracy": 0.1,
        "test_accuracy": 0.15, "calibration_error": 0.05}  # fmt: skip


def pictured():
    """Points of two losses: a sample of each class and label, means, and the rows of the head."""
    kinds = [
        *(("train", "sample", label, true) for label in (0, 1) for true in (0, 1)),
        *(("test", "sample", label, label) for label in (0, 1)),
        *((split, "mean", label, label) for split in ("train", "test") for label in (0, 1)),
        *(("train", kind, label, label) for kind in ("clean_mean", "changed_mean") for label in (0, 1)),
    ]
    rows = []
    for loss, smoothing in LOSSES[:2]:
        cell = {"dataset": "digits", "loss": loss, "smoothing": smoothing, "noise": 0.2, "epoch": 60, "seed": 0}
        for i, (split, kind, label, true) in enumerate(kinds):
            place = {
                "x1": 5.0 * (label == 0) + i / 7,
                "x2": 5.0 * (label == 1),
                "spread": 0.7 if kind == "mean" else None,
            }
            rows.append(cell | place | {"split": split, "kind": kind, "label": label, "true_label": true})
        for c in (0, 1):
            place = {"x1": 1.0 - 2 * c, "x2": 2.0 * c - 1, "bias": 0.1 * c}
            rows.append(cell | place | {"split": "-", "kind": "classifier", "label": c, "true_label": c})
    return pd.DataFrame(rows)


def trials(loss, names):
    """Trials of a study of some parameters."""
    objectives = [0.8, 0.9, 0.7, 0.95]
    rows = [
        {"dataset": "digits", "loss": loss, "noise": 0.2, "trial": i, "parameter": name, "value": 0.01 * (i + 1) ** 2,
         "log": name == "learning_rate", "objective": value, "best_so_far": max(objectives[: i + 1]),
         "importance": 1 / len(names), "chosen": i == 3}
        for name in names
        for i, value in enumerate(objectives)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def dilating():
    """The memorization-dilation model at three smoothings and three noise levels."""
    rows = [
        {"smoothing": alpha, "noise": noise, "dilation": noise / (1 + 10 * alpha), "memorization": noise,
         "dilation_small_noise": noise / (1 + 10 * alpha), "h1_x": 2.0, "h1_y": 0.0, "h2_x": 0.0, "h2_y": 2.0,
         "u1_x": 0.1, "u1_y": 1.9, "u2_x": 1.9, "u2_y": 0.1}
        for alpha in (0.0, 0.1, 0.2)
        for noise in (1e-4, 1e-2, 0.05)
    ]  # fmt: skip
    return pd.DataFrame(rows)


TERMINAL = {"equinorm_means": 1, "equinorm_classifiers": 2, "equiangularity_means": 1, "equiangularity_classifiers": 2,
            "maximal_angle_means": 1, "maximal_angle_classifiers": 2, "self_duality": 2, "nc1": 4,
            "ncc_mismatch_test": 1, "perturbation": -1, "perturbation_raw": -0.7, "spectrum_greatest": 0.5,
            "spectrum_median": 0.4, "spectrum_least": 0.2}  # fmt: skip
CELLS = [("mnist", "vgg11"), ("mnist", "resnet18"), ("cifar10", "vgg13"), ("cifar10", "resnet18"), ("stl10", "vgg13"),
         ("stl10", "resnet50")]  # fmt: skip


def terminal():
    """Measures of six cells over training, and when each seed reached its moments; one never does."""
    table = pd.concat(
        falling(TERMINAL, last=350, dataset=[dataset], model=[model]).query("0 < epoch < 1000")
        for dataset, model in CELLS
    )
    reached = {"zero_error": [20, 30, 40], "tpt": [25, 28, None], "last": [350] * 3}
    moments = [
        {"dataset": dataset, "model": model, "moment": moment, "seed": seed, "epoch": epoch}
        for dataset, model in CELLS
        for moment, epochs in reached.items()
        for seed, epoch in enumerate(epochs)
    ]
    return table, pd.DataFrame(moments)


def within_simplex(epochs=(1, 10, 40, 200)):
    """Samples, means, classifiers of three classes, nearer to their vertices the later the epoch."""
    kinds = [("train", "sample")] * 4 + [("train", "mean"), ("-", "classifier"), ("-", "vertex")]
    rows = []
    for epoch, label, (i, (split, kind)) in itertools.product(epochs, range(3), enumerate(kinds)):
        place = np.eye(3)[label] - 0.05 + (kind != "vertex") * np.array([0.3, i / 10, -0.2]) / epoch
        cell = {"dataset": "digits", "model": "mlp", "epoch": epoch, "seed": 0, "label": label, "true_label": label}
        rows.append(cell | {"split": split, "kind": kind, "x1": place[0], "x2": place[1], "x3": place[2]})
    return pd.DataFrame(rows)


def improving():
    """Test accuracy and perturbation at two moments, of all the published cells."""
    cells = list(itertools.product(["mnist", "fashion_mnist", "svhn", "cifar10", "cifar100", "stl10"],
                                   ["vgg11", "resnet18", "densenet40"], ["zero_error", "last"]))  # fmt: skip
    rows = {"dataset": [c[0] for c in cells], "model": [c[1] for c in cells], "moment": [c[2] for c in cells]}
    rows |= {"test_accuracy": [0.9 + 0.01 * (c[2] == "last") for c in cells]}
    rows |= {"perturbation": [0.9 + (c[2] == "last") for c in cells]}
    return of_seeds(rows, {"test_accuracy": 0.005, "perturbation": 0.1})


def agreeing():
    """Ten measures of 40 runs, all but one of them in the same order; every fourth run is not fitted."""
    runs = np.arange(40)
    rows = {"cell": [f"digits/mlp/{run}" for run in runs], "train_accuracy": np.where(runs % 4, 1, 0.9)}
    names = ("nc1", "nc1_trace_ratio", "cdnv", "separation_fuzziness", "maximal_angle_means", "nc2", "self_duality",
             "nc3", "ncc_mismatch")  # fmt: skip
    rows |= {name: 10.0 ** (-runs / 10) for name in names} | {"maximal_angle_classifiers": 0.01 + runs[::-1] / 100}
    return of_seeds(rows, {"nc1": 1e-6})


ZHU = {"nc1": 4, "nc2": 1, "nc3": 1, "nc4": 2}
ENDS = ("margin", "weight_energy", "feature_energy", "loss")
COSINES = {"cos_minor": [-0.11, 0.02, 0.98, 1]}
TABLES = {
    "deep_linear/fig2": (falling({"nc1": 6, "nc2_w": 4, "nc3": 5}, last=200, dataset=["cifar10"],
                                 width=[512, 1024, 2048], **HEADS),),
    "deep_linear/fig3": (falling({"nc1": 4, "nc2": 1, "nc3": 2}, last=200, dataset=["cifar10", "emnist_letters"],
                                 model=["resnet18", "vgg16"], linear_layers=[1, 3, 6, 9]),),
    "deep_linear/fig4": (DIRECT, DIRECT),
    "deep_linear/fig5": (IMBALANCED.query("epoch == 12000").assign(nc3_floor=0.02), IMBALANCED),
    "deep_linear/fig6": (DIRECT, DIRECT),
    "deep_linear/threshold": (
        of_seeds({"linear_layers": LAYERS * 2, "level": [0.2] * 3 + [1.5] * 3, "p_min": [2, 5, 7, 0, 0, 0]},
                 {"p_min": 1e-3}),
        pd.DataFrame({"linear_layers": LAYERS * 3, "level": [0.05] * 3 + [0.99] * 3 + [1.0] * 3,
                      "p_min_local": [2, 5, 7, 1, 4, 6, None, 4, 6], "p_min_optimum": [2, 5, 7, 1, 4, 6, 0, 0, 0]}),
    ),
    "deep_linear/cross_entropy": (
        of_seeds({"num_classes": [4] * 3 + [10] * 3, "linear_layers": LAYERS * 2, "gap": [0, 0, 0, 0, -0.02, -0.03],
                  "rank": [3, 3, 2, 9, 4, 3]}, {"gap": -1e-4}),
    ),
    "deep_linear/conventions": (
        of_seeds({"loss": ["mse_per_sample"] * 3 + ["half_mse"] * 3, "linear_layers": LAYERS * 2,
                  "nc2_w": [1e-9] * 6, "nc2_w_code": [1e-9] * 3 + [0.02, 0.01, 0.009],
                  "nc2_w_floor": [0] * 3 + [0.02, 0.01, 0.009], "nc3": [1e-16] * 6,
                  "nc3_code": [1e-16] * 3 + [0.02, 0.01, 0.007], "nc3_floor": [0] * 3 + [0.02, 0.01, 0.007]},
                 {"nc3": 1e-17}),
    ),
    "memorization_dilation/fig1": (pictured(),),
    "memorization_dilation/fig2": (of_losses("noise", NOISES, NOISY, dataset=["mnist", "cifar10"], model=["mlp"]),),
    "memorization_dilation/losses": (of_losses("noise", NOISES, NOISY | MORE, dataset=["digits"], model=["mlp"]),),
    "memorization_dilation/fig3": (dilating(),),
    "memorization_dilation/positive_model": (
        pd.DataFrame({"num_classes": [2] * 4 + [10] * 4, "smoothing": [0.0, 0.0, 0.1, 0.1] * 2,
                      "weight_decay": [1e-3, 0.5] * 4, "margin": [5, 0] * 4, "margin_unconstrained": [6, 0] * 4,
                      "classifier_norm": [2, 0] * 4, "mean_norm": [1, 0] * 4}),
    ),
    "memorization_dilation/latent": (
        of_losses("latent", [0, 0.1, 0.3, 0.5], {"dilation": 0.05, "merged_accuracy": 0.3}, LOSSES[:2],
                  dataset=["mnist", "cifar10"], feature_dim=[2, 4]),
    ),
    "memorization_dilation/large_scale": (
        pd.concat([
            falling({"nc1": 4, "nc2": 1, "nc3": 1, "nc4": 1, "dilation": 2, "calibration_error": 1}, last=200,
                    dataset=["cifar10"], model=["resnet18"], loss=[loss], noise=[0, 0.2]).assign(
                        smoothing=smoothing, test_accuracy=0.7)
            for loss, smoothing in LOSSES[:2]
        ]),
    ),
    "memorization_dilation/study": (
        trials("cross_entropy", ["learning_rate", "lr_factor"]),
        trials("label_smoothing", ["learning_rate", "lr_factor", "smoothing"]),
        of_seeds({"loss": ["cross_entropy", "label_smoothing"], "dilation": [0.3, 0.2], "memorization": [300, 200],
                  "test_accuracy": [0.9, 0.92]}, {"dilation": 0.01}),
    ),
    "layer_peeled/fig2": (
        of_seeds(
            networks(ratio=RATIOS, **COSINES, cos_own=[-0.11, 0, 1, None], cos_balanced=[-0.11, 0, 0.2, 1],
                     weight_decay=[0.005] * 4), {"cos_minor": -0.01},
        ).query("dataset == 'cifar10' and model == 'vgg13' and k_major == 7").pipe(
            lambda one: pd.concat([one, one.assign(weight_decay=0.0005)])),
    ),
    "layer_peeled/fig3": (
        pd.DataFrame(
            {"k_major": [7] * 3 + [3] * 3, "k_minor": [3] * 3 + [7] * 3, "e_h": 5, "e_w": 1, "ratio": [1, 10, 100] * 2,
             "cos_minor": [-0.1, 1, None, -0.1, 0, 1], "status": ["ok", "collapsed", "vanished", "ok", "ok", "ok"]}
        ),
        pd.DataFrame({"k_major": [7, 3], "k_minor": [3, 7], "e_h": 5, "e_w": 1, "r0": [9.0, 80.0],
                      "r1": [50.0, np.inf]}),
    ),
    "layer_peeled/fig4": (of_seeds(networks(ratio=RATIOS, **COSINES), {"cos_minor": -0.01}),),
    "layer_peeled/fig5": (
        of_seeds(networks(ratio=RATIOS[:3], minority_test_accuracy=[0.7, 0.3, 0], n_minor=[2] * 3),
                 {"minority_test_accuracy": 0.1}),
    ),
    "layer_peeled/fig6": (
        of_seeds(networks(oversampling=[1, 10, 1000], cos_minor=[1, 0.5, -0.11], ratio=[1000] * 3),
                 {"cos_minor": -0.01}),
    ),
    "layer_peeled/table1": (
        of_seeds(networks(oversampling=[1, 10, 1000], minority_test_accuracy=[0, 0.5, 0.4],
                          overall_test_accuracy=[0.5, 0.7, 0.9], ratio=[1000] * 3), {"minority_test_accuracy": 0.1}),
    ),
    "layer_peeled/balanced": balanced(),
    **{f"papyan/{name}": terminal() for name in (*(f"fig{n}" for n in range(2, 9)), "spectrum")},
    "papyan/fig1": (within_simplex(),),
    "papyan/table1": (improving(),),
    "papyan/conventions": (
        falling({"nc1": 4, "nc1_sum": 3.5, "nc1_sample_mean": 4.2, "nc1_trace_ratio": 3, "cdnv": 2.5,
                 "maximal_angle_classifiers": 1, "nc2": 1.2, "self_duality": 2, "nc3": 1}, last=350,
                dataset=["mnist", "cifar10"], model=["resnet18"]).query("0 < epoch < 1000"),
    ),
    "papyan/spikes": (falling({"nc1": 4, "train_loss": 3}, last=200, dataset=["digits"], model=["mlp"])
                      .query("0 < epoch < 1000"),),
    "papyan/learning_rates": (
        (rates := of_seeds(
            {"dataset": ["digits"] * 6, "model": ["mlp", "resnet18"] * 3,
             "learning_rate": [1e-4, 1e-4, 5e-3, 5e-3, 0.25, 0.25],
             "held_out_accuracy": [0.5, 0.6, 0.9, 0.95, 0.9, 0.3],
             "test_accuracy": [0.5, 0.6, 0.9, 0.95, 0.9, 0.3], "nc1": [9, 1, 0.1, 0.02, 0.01, 0.003]},
            {"held_out_accuracy": 0.01, "test_accuracy": 0.01, "nc1": 1e-3})),
        rates.query("learning_rate == 5e-3").assign(chosen_by="held_out_accuracy"),
    ),
    "across/agreement": (agreeing(),),
    "zhu/fig3": (
        falling(ZHU, last=200, dataset=["mnist", "cifar10"], model=["resnet18"], optimizer=["sgd", "adam", "lbfgs"],
                bn_mode=["eval", "train"]).assign(train_accuracy=0.99, test_accuracy=0.9),
    ),
    "zhu/random_labels": (falling(ZHU, last=200, dataset=["cifar10"], model=["mlp", "resnet18"], width=[64, 128, 256])
                          .assign(train_accuracy=0.9),),
    "zhu/decay": (falling(ZHU, last=200, dataset=["cifar10"], model=["resnet18"], separate_decay=[False, True])
                  .assign(test_accuracy=0.9),),
    "zhu/fig6": (
        pd.DataFrame({"dataset": ["mnist"]}),  # the end of the other, which is drawn
        falling(ZHU, last=200, dataset=["mnist", "cifar10"], model=["resnet18"], classifier=["learned", "fixed_etf"],
                feature_dim=[None, "num_classes"]).assign(test_accuracy=0.9),
    ),
    "zhu/optimizers": (
        of_seeds({"optimizer": ["sgd", "momentum", "adam", "adamw", "adamw"] * 2, "epochs": [100] * 5 + [300] * 5,
                  "weight_decay": [5e-3, 5e-3, 5e-3, 0.5, 2.0] * 2} | {name: [0.1, 0.2, 0.05, 0.4, 0.3] * 2 for name in
                 ("nc0", "nc1", "nc2", "nc2_row_centred", "nc3", "nc4")}, {"nc1": 0.01}),
    ),
    "zhu/parameters": (
        pd.DataFrame({"model": ["resnet18"] * 4 + ["resnet50"] * 4, "stem": ["imagenet"] * 8,
                      "feature_dim": [None, None, "num_classes", "num_classes"] * 2,
                      "classifier": ["learned", "fixed_etf"] * 4, "parameters": [11e6, 11e6, 9e6, 9e6] * 2,
                      "trainable": [11e6, 10.9e6, 9e6, 8.9e6, 23e6, 22.9e6, 19e6, 18.9e6],
                      "saving": [0, 0.01, 0.2, 0.21] * 2}),
    ),
    "zhu/theory": (
        (ends := of_seeds({"features": ["relu", "linear"] * 3, "weight_decay": [2e-3, 2e-3, 5e-3, 5e-3, 2e-2, 2e-2]}
                  | {name: [7.0, 7.5, 6.0, 6.5, 4.0, 4.5] for name in ENDS}, dict.fromkeys(ENDS, 0.01)).assign(
                      **{f"{name}_theory": 5.0 for name in ENDS})),
        pd.concat(ends.assign(epoch=epoch) for epoch in (1, 10, 100, 200)),
    ),
    "papyan/layers": law({"dataset": "digits", "model": "mlp"}, {"dataset": "cifar10", "model": "resnet18"}),
    "equi_separation/fig1": law(*({"optimizer": name, "layers": layers} for name in ("sgd", "momentum", "adam")
                                  for layers in (4, 8, 20))),
    "equi_separation/linear": law({"initialisation": "he"}, {"initialisation": "default"}, batch_norm=False),
    "equi_separation/epochs": law(*({"epoch": epoch} for epoch in (0, 1, 10, 100, 300, 600)), deep=20),
    "equi_separation/emergence": (law({"epoch": 0}, {"epoch": 10}, {"epoch": 600})[1], reached()),
    "equi_separation/learning_rates": law(*({"learning_rate": rate} for rate in (1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1))),
    "equi_separation/width": law({"width": 20}, {"width": 1000}, {"width": 2000}),
    "equi_separation/shape": law(*({"hidden": name} for name in ("narrow to wide", "wide to narrow", "mixed"))),
    "equi_separation/cnn": law(*({"model": model} for model in ("alexnet_tiled", "vgg13_tiled"))),
    "equi_separation/out_of_sample": law({"frozen": False}, {"frozen": True}, deep=20),
    "equi_separation/best_depth": law(*DEPTHS)[1:],
    "equi_separation/depth": law(*DEPTHS),
    "equi_separation/imbalance": law(*CHOICES, {"layers": 8, "chosen_by": "held_out_accuracy"}),
    "equi_separation/original": law(*({"dataset": dataset, "layers": layers} for dataset in ("fashion_mnist", "cifar10")
                                      for layers in (4, 8, 20)), chosen_by="held_out_accuracy"),
    "equi_separation/residual": residual(),
    "equi_separation/inputs": (
        pd.DataFrame({"dataset": ["mnist"] * 50 + ["cifar10"] * 50, "image_size": 10, "seed": [*range(50)] * 2,
                      "separation_fuzziness": [*np.linspace(18, 23, 50), *np.linspace(220, 340, 50)]}),
    ),
}  # fmt: skip
PUBLISHED = {
    "layer_peeled/fig2": {"column": "cos_minor", "where": {"ratio": np.inf}, "value": 1, "unverified": True},
    "layer_peeled/table1": {"column": "minority_test_accuracy", "where": {"k_major": 3, "oversampling": 1},
                            "value": 0.2, "unverified": True},
    "papyan/table1": {"column": "test_accuracy", "where": {"dataset": "mnist", "model": "vgg11", "moment": "last"},
                      "value": 0.92, "unverified": True},
    "equi_separation/original": {"column": "rho", "where": {"layers": 8}, "value": 0.5, "unverified": False},
    "equi_separation/inputs": {"column": "separation_fuzziness", "where": {"dataset": "mnist"}, "value": 21,
                               "unverified": False},
}  # fmt: skip
NAMES = [str(path.relative_to(SCRIPTS).with_suffix("")) for path in SCRIPTS.rglob("*.py")]


def script(name):
    """A figure's draw, given its published values if it takes them."""
    draw = runpy.run_path(str(SCRIPTS / f"{name}.py"))["draw"]
    if "published" not in inspect.signature(draw).parameters:
        return draw
    return partial(draw, published=[PUBLISHED[name]])


def drawn(draw, *tables):
    """A figure in the house style, laid out."""
    with plotting.house_style():
        figure = draw(*tables)
        figure.draw_without_rendering()
        plt.close(figure)
    return figure


def data_lines(figure):
    return [line for axes in figure.axes for line in axes.get_lines() if line.get_transform() == axes.transData]
