"""The metrics by name, without NumPy: an entry for each, which planning, measuring and documentation read.

To add a metric, write its function in a file of this folder, and its entry here: in the dictionary whose comment names
what it is measured on and the arguments it may take. Rows of metrics.csv come in the order of the entries.
"""

from collapse.metrics.metric import Metric, renamed

# Laid out as a table, two lines for each metric.
# fmt: off

# Measured on `rows` (K, d): classifiers, the product of a linear head, or class means centred by the sample mean; of
# all classes and of each group of classes.
ROWS = ("rows",)
GEOMETRY = {
    "cosine_mean": Metric("geometry:cosine_mean", ROWS,
        "mean cosine over pairs (Fang et al. 2021, Figs 2, 4, 6)"),
    "equiangularity": Metric("geometry:equiangularity", ROWS,
        "standard deviation over pairs of the cosine (Papyan et al. 2020, Fig 3)"),
    "equiangularity_unbiased": Metric("geometry:equiangularity", ROWS,
        "the same with n - 1, n the ordered pairs (their code)", {"ddof": 1}),
    "maximal_angle": Metric("geometry:maximal_angle", ROWS,
        "mean over pairs of |cos + 1/(K-1)| (Papyan et al. 2020, Fig 4)"),
    "equinorm": Metric("geometry:equinorm", ROWS,
        "standard deviation over mean of the norms (Papyan et al. 2020, Fig 2)"),
    "equinorm_unbiased": Metric("geometry:equinorm", ROWS,
        "the same with n - 1 (their code)", {"ddof": 1}),
}
# Measured on class means, centred by their mean: K - 1 singular values, which are all equal where means are a simplex.
SPECTRUM = {
    "spectrum_greatest": Metric("geometry:singular_quantile", ROWS,
        "greatest singular value of the class means, over the root mean square of the K - 1", {"quantile": 1}),
    "spectrum_median": Metric("geometry:singular_quantile", ROWS,
        "the median of them, over the same", {"quantile": 0.5}),
    "spectrum_least": Metric("geometry:singular_quantile", ROWS,
        "the least of them, over the same", {"quantile": 0}),
}
# Measured on class means, centred by their mean.
CENTRED = renamed(GEOMETRY, "_class_centred", "{name} of means centred by their mean, not the sample mean")

# Measured on each group of classes. Of the classifier: `rows` (K, d). Of a layer: `means` (K, d) and `trace` (K,) of
# the group, and the `centre` (d,) of all classes.
WEIGHT_ENERGY = {
    "energy": Metric("geometry:energy", ROWS,
        "mean squared norm (Fang et al. 2021, E_W)"),
}
FEATURE_ENERGY = {
    "energy": Metric("variability:feature_energy", ("means", "trace", "centre"),
        "mean squared norm; of features, to the sample mean (Fang et al. 2021, E_W and E_H)"),
}

# Measured on `rows` as for GEOMETRY, but only on all classes at once.
SHAPE = {
    "nc2": Metric("geometry:etf_distance", ROWS,
        "distance of the Gram matrix from a simplex's (Zhu et al. 2021, NC2, of the classifier)"),
    "effective_rank": Metric("geometry:effective_rank", ROWS,
        "exp of the entropy of the singular values (Roy & Vetterli 2007)"),
    "uniformity_log_mean": Metric("geometry:uniformity_mean", ROWS,
        "mean over pairs of log(1/distance) of directions (Liu et al. 2023, GNC2)", {"kernel": "log"}),
    "uniformity_log_variance": Metric("geometry:uniformity_variance", ROWS,
        "variance of the same", {"kernel": "log"}),
    "uniformity_riesz_mean": Metric("geometry:uniformity_mean", ROWS,
        "mean over pairs of 1/distance of directions (Liu et al. 2023)", {"kernel": "riesz"}),
    "uniformity_riesz_variance": Metric("geometry:uniformity_variance", ROWS,
        "variance of the same", {"kernel": "riesz"}),
    "uniformity_distance_mean": Metric("geometry:uniformity_mean", ROWS,
        "mean over pairs of the distance of directions (Liu et al. 2023)", {"kernel": "distance"}),
    "uniformity_distance_variance": Metric("geometry:uniformity_variance", ROWS,
        "variance of the same", {"kernel": "distance"}),
}
# Measured on `rows`: classifiers, the product of a linear head, or class means that are not centred.
ORTHOGONALITY = {
    "nc2_orthogonal": Metric("geometry:orthogonal_distance", ROWS,
        "distance of the Gram matrix from the identity's; of means as they are (Dang et al. 2023, NC2)"),
}
# Measured on `rows`: classifiers, or the product of a linear head.
LINEAR_MAP = GEOMETRY | SHAPE | ORTHOGONALITY | {
    "nc0": Metric("geometry:row_sum", ROWS,
        "norm of the sum of the classifier's rows over its Frobenius norm"),
}

# Measured on `rows` less their mean: of a head that softmax can not tell from the head itself.
ROW_CENTRED = {
    "nc2_row_centred": Metric("geometry:etf_distance", ROWS,
        "nc2 of rows less their mean, a common offset that softmax does not see"),
}

# Measured on a layer's statistics, named as in collapse.statistics.split.
SCATTER = ("coordinates", "within", "count", "width")
SPREAD = ("coordinates", "trace", "count")
VARIABILITY = {
    "nc1": Metric("variability:nc1", SCATTER,
        "Tr(Sigma_W Sigma_B^+)/K, means centred by their mean (Papyan et al. 2020, Fig 6)"),
    "nc1_sample_mean": Metric("variability:nc1", SCATTER,
        "the same, means centred by the sample mean (code of Zhu, Dang, Nguyen et al.)", {"centre": "sample"}),
    "nc1_sum": Metric("variability:nc1_sum", SCATTER,
        "K times nc1 (authors' code of Papyan et al. 2020)"),
    "separation_fuzziness": Metric("variability:separation_fuzziness", SCATTER,
        "D = Tr(SS_w SS_b^+), classes weighted by their counts (He & Su 2023)"),
    # Optional: statistics of an earlier version lack within_unweighted.
    "separation_fuzziness_unweighted": Metric(
        "variability:separation_fuzziness_unweighted", ("coordinates", "within_unweighted", "count", "width"),
        "D, classes weighted 1/K, about the sample mean (He & Su 2023, code)", optional=True),
    "separation_fuzziness_principal": Metric(
        "variability:separation_fuzziness", tuple(f"principal/{name}" for name in SCATTER),
        "D of the first principal_components (code of He & Su 2023, residual networks)", optional=True),
    "nc1_trace_ratio": Metric("variability:nc1_trace_ratio", SPREAD,
        "Tr Sigma_W / Tr Sigma_B (Tirer & Bruna 2022)"),
    "cdnv": Metric("variability:cdnv", SPREAD,
        "class-distance normalised variance, mean over pairs (Galanti et al. 2022)"),
    "within_trace": Metric("variability:within_trace", ("trace", "count"),
        "Tr Sigma_W"),
    "rank_between": Metric("variability:rank_between", ("spectrum",),
        "rank of Sigma_B at tolerance 1e-10"),
    "ncc_mismatch": Metric("answers:complement", ("agree", "count"),
        "fraction whose nearest train class mean is not the network's answer (Papyan et al. 2020, Fig 7)",
        optional=True),
    "ncc_accuracy": Metric("answers:fraction", ("right", "count"),
        "fraction whose nearest train class mean is that of their label"),
}
# The metrics that can be measured on images, without a network.
OF_IMAGES = {name: metric for name, metric in VARIABILITY.items() if metric.takes == SCATTER}

# Measured on the `weights` (K, d) behind a layer and the layer's class means (K, d): `means` as they are, `centred` by
# the sample mean, `class_centred` by their mean.
DUALITY = {
    "self_duality": Metric("duality:self_duality", ("weights", "centred"),
        "squared distance of W/||W|| and M/||M||, M centred by the sample mean (Papyan et al. 2020, Fig 5)"),
    "self_duality_class_centred": Metric("duality:self_duality", ("weights", "class_centred"),
        "the same, M centred by the mean of the class means"),
    "alignment_distance": Metric("duality:alignment_distance", ("weights", "centred"),
        "the same as self_duality, not squared (Fang et al. 2021, code)"),
    "alignment_distance_raw": Metric("duality:alignment_distance", ("weights", "means"),
        "the same, M not centred (Dang et al. 2023, code)"),
    "nc3": Metric("duality:simplex_duality", ("weights", "centred"),
        "distance of W M^T from a simplex's Gram matrix, M centred by the sample mean (Zhu et al. 2021, NC3)"),
    "nc3_orthogonal": Metric("duality:orthogonal_duality", ("weights", "means"),
        "distance of W M^T from the identity, M not centred (Dang et al. 2023, NC3 without biases)"),
    "uniform_duality": Metric("duality:uniform_duality", ("weights", "centred"),
        "variance over classes of <w_c, m_c> (Wu & Papyan 2024, UNC3)"),
    "uniform_duality_unbiased": Metric("duality:uniform_duality", ("weights", "centred"),
        "the same with K - 1", {"ddof": 1}),
}
# Measured on class `means` (K, d) of the features as they are, the `trace` (K,) of their scatter, the `origin` (d,).
RAW_ENERGY = {
    "energy_raw": Metric("variability:feature_energy", ("means", "trace", "origin"),
        "mean squared norm of features as they are, classes weighted alike (Zhu et al. 2021, ||h||^2)"),
}
# Measured on the head's product `weights` (K, d), its `bias` (K,), and the class `means` (K, d) as they are.
MARGIN = {
    "margin": Metric("duality:margin", ("weights", "bias", "means"),
        "mean over classes of a sample's own logit less the mean of the others"),
}
# Measured on the head's product `weights` (K, d), its `bias` (K,), and the sample `mean` (d,) of the features.
BIAS = {
    "nc4": Metric("duality:bias_collapse", ("weights", "bias", "mean"),
        "||b + W mu||, mu the sample mean (Zhu et al. 2021, NC4)"),
    "nc4_minus": Metric("duality:bias_collapse", ("weights", "bias", "mean"),
        "||W mu - b|| (code of Nguyen et al. 2023)", {"sign": -1}),
}
# Measured on the product `weights` (K, d) of a deep linear head's matrices, the class `means` (K, d), and `p` (K,) and
# `shift` of the optimum (collapse.metrics.orthogonal_frame).
OPTIMUM = {
    "gof_nc2_w": Metric("orthogonal_frame:gof_nc2_w", ("weights", "frame"),
        "distance of P P^T from its optimum (Dang et al. 2023, NC2 of weights)"),
    "gof_nc2_h": Metric("orthogonal_frame:gof_nc2_h", ("means", "frame"),
        "distance of H^T H from its optimum (NC2 of features)"),
    "gof_nc3": Metric("orthogonal_frame:gof_nc3", ("weights", "means", "frame"),
        "distance of P H from its optimum (NC3)"),
    "gof_alignment": Metric("orthogonal_frame:gof_alignment", ("weights", "means", "frame"),
        "distance of P from its optimum given H (NC3)"),
    "gof_ratio": Metric("orthogonal_frame:gof_ratio", ("weights", "means", "frame"),
        "distance of the squared norms' ratios from their optimum (NC3)"),
    "spectrum_error": Metric("linear_head:spectrum_error", ("weights", "frame"),
        "relative error of the eigenvalues of P P^T"),
    "p_min": Metric("linear_head:smallest", ("weights", "frame"),
        "smallest eigenvalue of P P^T (with a bias, of the K - 1 that can be more than 0)"),
    "p_min_optimum": Metric("linear_head:smallest_optimal", ("frame",),
        "the same at the optimum"),
    "p_min_ratio": Metric("linear_head:smallest_ratio", ("weights", "frame"),
        "the smallest eigenvalue over the largest"),
}
OPTIMUM_AS_CODED = renamed(
    {name: OPTIMUM[name] for name in OPTIMUM if not name.startswith("p_min")}, "_code",
    "{meaning}, at the decays as the code takes them",
)
# How far the two optima lie apart, a floor of the metrics *_code.
FLOORS = {
    f"gof_{name}_floor": Metric("orthogonal_frame:frames_apart", ("frame", "coded"),
        f"distance of the two optima: gof_{name}_code of a head at its optimum", {"of": of})
    for name, of in {"nc2_w": "products", "nc2_h": "means", "nc3": "logits"}.items()
}
# Measured on the product (K, d) of the weights behind a layer of the head, `factors` of them.
PARTIAL = {
    "gof_nc2_w": Metric("orthogonal_frame:partial_nc2_w", ("weights", "frame", "factors"),
        OPTIMUM["gof_nc2_w"].meaning),
}
# Measured on a head with separate decays, whatever the loss: `weights` and `means` as for OPTIMUM, `count` (K,), the
# value of the `objective`, and `imbalances` (M-1,) of neighbouring layers.
LINEAR_HEAD = {
    "objective": Metric("linear_head:itself", ("objective",),
        "the trained objective: loss, decay of the head's weights and of the features", optional=True),
    "balancedness": Metric("linear_head:balancedness", ("imbalances",),
        "greatest relative distance of W_(m+1)^T W_(m+1) and W_m W_m^T (Dang et al. 2023)", optional=True),
    "rank_order_rows": Metric("linear_head:rank_order", ("weights", "count"),
        "rank correlation of the norms of P's rows with the class counts (Dang et al. 2023)"),
    "rank_order_means": Metric("linear_head:rank_order", ("means", "count"),
        "rank correlation of the norms of class means with the class counts"),
    "head_rank": Metric("linear_head:rank", ("weights",),
        "singular values of P above a hundredth of the largest"),
}
GAP = {
    "objective_gap": Metric("linear_head:relative_gap", ("objective", "optimal"),
        "the trained objective's excess over its global minimum, over that minimum", optional=True),
}
# Cross-entropy on balanced classes, without a bias: `simplex`, the objective of the simplex frame at its best scale.
OF_SIMPLEX = {
    "objective_gap_simplex": Metric("linear_head:gap", ("objective", "simplex"),
        "the trained objective less that of the best simplex frame; negative where it is lower", optional=True),
}

# Measured on the network's answers: `correct`, `loss` and `count` (K,) of a group of classes or of one class.
ACCURACY = {
    "accuracy": Metric("answers:fraction", ("correct", "count"),
        "fraction of right answers"),
}
MERGED = {
    "accuracy_merged": Metric("answers:fraction", ("correct_merged", "count"),
        "fraction of right answers, the latent half of a class counted as the class (Nguyen et al. 2023)"),
}
ANSWERS = ACCURACY | {
    "loss": Metric("answers:fraction", ("loss", "count"),
        "mean cross-entropy"),
}
# Measured on bins of confidence: number of samples, right answers and summed confidence (B,).
CALIBRATION = {
    "calibration_error": Metric("answers:calibration_error", ("bin_count", "bin_correct", "bin_confidence"),
        "expected calibration error, 15 equal bins of the largest softmax probability"),
}

# Measured on perturbed test images: their l2 `norms` (n,), as the network sees them, `raw`, and which were `fooled`.
PERTURBATION = {
    "perturbation": Metric("perturbation:mean_norm", ("norms", "fooled"),
        "mean l2 norm of DeepFool's perturbation, in normalised pixels (Papyan et al. 2020, Fig 8)"),
    "perturbation_raw": Metric("perturbation:mean_norm", ("raw", "fooled"),
        "the same, in pixels from 0 to 1"),
    "perturbation_fooled": Metric("perturbation:fraction", ("fooled",),
        "fraction of those images whose answer it changed"),
}

# Measured on samples whose label was changed (collapse.statistics.split.corruption), the class `means` (K, d) of the
# test split, and the number of train `samples`.
CORRUPTION = {
    "memorization": Metric("memorization:memorization", ("distance_test", "count"),
        "sum of distances of changed samples to their true class' test mean (Nguyen et al. 2023)"),
    "memorization_clean": Metric("memorization:memorization", ("distance_clean", "count"),
        "the same, to the mean of its unchanged train samples (code of Nguyen et al. 2023)"),
    "memorization_relative": Metric("memorization:relative_memorization", ("distance_test", "count", "means"),
        "mean distance of changed samples over that of test class means"),
    "memorization_fraction": Metric("memorization:memorized_fraction", ("distance_test", "count", "means", "samples"),
        "memorization over that distance and the number of train samples"),
    "corruption_bias": Metric("memorization:corruption_bias", ("pull", "count"),
        "where changed samples lie between their true class (0) and their label's (1)"),
}

# As VARIABILITY, with the means and scatter of the classes that samples had before some labels were changed.
BY_TRUE_LABELS = {
    "nc1_true_labels": Metric("variability:nc1", SCATTER,
        "nc1 of the train set by its labels before some were changed (Nguyen et al. 2023)"),
}

# Measured on D of the measured layers in order: `fuzziness` (L,) of all, `first` up to the middle layer, `second` from
# the middle layer on.
DECAY = {
    "decay_ratio": Metric("layers:decay_value", ("fuzziness",),
        "rho of ln D = a + l ln rho over the measured layers (He & Su 2023)", {"value": "ratio"}),
    "decay_r": Metric("layers:decay_value", ("fuzziness",),
        "Pearson's r of that fit", {"value": "r"}),
    "decay_r2": Metric("layers:decay_value", ("fuzziness",),
        "its R^2", {"value": "r2"}),
    "decay_error": Metric("layers:decay_value", ("fuzziness",),
        "its standard error: the root of the squared residuals' sum over the degrees of freedom", {"value": "error"}),
    "decay_ratio_first": Metric("layers:decay_value", ("first",),
        "rho of the first of two lines, fitted apart, that share the middle measured layer", {"value": "ratio"}),
    "decay_ratio_second": Metric("layers:decay_value", ("second",),
        "rho of the second", {"value": "ratio"}),
    "decay_error_two": Metric("layers:two_segment_error", ("first", "second"),
        "standard error of the two"),
}
# The decay metrics, by the metric of a layer whose decay they describe.
DECAYS = {
    "separation_fuzziness": DECAY,
    "separation_fuzziness_principal": renamed(DECAY, "_principal", "{meaning}, of separation_fuzziness_principal"),
}

# Measured on each class of a layer: class means (K, d) `centred` by the sample mean, `trace` and `count` (K,), and the
# `weights` (K, d) behind the layer.
OF_CLASSES = {
    "class_mean_norm": Metric("per_class:norms", ("centred",),
        "norm of a class's mean, centred by the sample mean", missing="no samples of this class"),
    "class_variance": Metric("per_class:variances", ("trace", "count"),
        "mean squared distance of a class's samples to their mean", missing="fewer than 2 samples of this class"),
    "mean_classifier_cosine": Metric("per_class:cosines", ("weights", "centred_means"),
        "cosine of a class's mean, centred by the sample mean, and its row of the classifier",
        optional=True, missing="a class without samples, or a vector is zero"),
}
# Measured on each class's row of the classifier, `rows` (K, d).
OF_CLASSIFIERS = {
    "classifier_norm": Metric("per_class:norms", ROWS,
        "norm of a class's row of the classifier"),
}
PER_CLASS = OF_CLASSES | OF_CLASSIFIERS

# Measured on class `means` (K, d), and the mean `other` (d,) of other data.
OTHER_DATA = {
    "ood_orthogonality": Metric("duality:ood_orthogonality", ("means", "other"),
        "mean |cos(mu_c, mu_OOD)|, means not centred (Ammar et al. 2024, NC5)"),
}

METRICS = (
    LINEAR_MAP | ROW_CENTRED | WEIGHT_ENERGY | FEATURE_ENERGY | VARIABILITY | CENTRED | DUALITY | BIAS | LINEAR_HEAD
    | RAW_ENERGY | MARGIN | OPTIMUM | SPECTRUM | OPTIMUM_AS_CODED | FLOORS | GAP | OF_SIMPLEX
    | ANSWERS | MERGED | CALIBRATION | PERTURBATION | CORRUPTION | BY_TRUE_LABELS | DECAYS["separation_fuzziness"]
    | DECAYS["separation_fuzziness_principal"] | PER_CLASS | OTHER_DATA
)

# Former names of metrics, and their present names.
RENAMED = {
    "separation": "separation_fuzziness",
    "separation_principal": "separation_fuzziness_principal",
    "nc1_quotient": "nc1_trace_ratio",
}
