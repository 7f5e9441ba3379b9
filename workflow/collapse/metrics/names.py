"""Every metric by its name in metrics.csv; cheap to import, so that a paper's file is checked before anything runs."""

GEOMETRY = {
    "cosine_mean": "mean cosine over pairs (Fang et al. 2021, Figs 2, 4, 6)",
    "equiangularity": "standard deviation over pairs of the cosine (Papyan et al. 2020, Fig 3)",
    "equiangularity_unbiased": "the same with n - 1, n the ordered pairs (their code)",
    "maximal_angle": "mean over pairs of |cos + 1/(K-1)| (Papyan et al. 2020, Fig 4)",
    "equinorm": "standard deviation over mean of the norms (Papyan et al. 2020, Fig 2)",
    "equinorm_unbiased": "the same with n - 1 (their code)",
    "energy": "mean squared norm; of features, to the sample mean (Fang et al. 2021, E_W and E_H)",
}

FRAMES = {
    "nc2": "distance of the Gram matrix from a simplex's (Zhu et al. 2021, NC2, of the classifier)",
    "nc2_orthogonal": "distance of the Gram matrix from the identity's; of means as they are (Dang et al. 2023, NC2)",
    "effective_rank": "exp of the entropy of the singular values (Roy & Vetterli 2007)",
    "uniformity_log_mean": "mean over pairs of log(1/distance) of directions (Liu et al. 2023, GNC2)",
    "uniformity_log_variance": "variance of the same",
    "uniformity_riesz_mean": "mean over pairs of 1/distance of directions (Liu et al. 2023)",
    "uniformity_riesz_variance": "variance of the same",
    "uniformity_distance_mean": "mean over pairs of the distance of directions (Liu et al. 2023)",
    "uniformity_distance_variance": "variance of the same",
    "nc0": "norm of the sum of the classifier's rows over its Frobenius norm",
}

VARIABILITY = {
    "nc1": "Tr(Sigma_W Sigma_B^+)/K, means centred by their mean (Papyan et al. 2020, Fig 6)",
    "nc1_sample_mean": "the same, means centred by the sample mean (code of Zhu, Dang, Nguyen et al.)",
    "nc1_sum": "K times nc1 (authors' code of Papyan et al. 2020)",
    "separation_fuzziness": "D = Tr(SS_w SS_b^+), classes weighted by their counts (He & Su 2023)",
    "separation_fuzziness_unweighted": "D, classes weighted 1/K, about the sample mean (He & Su 2023, code)",
    "separation_fuzziness_principal": "D of the first principal_components (code of He & Su 2023, residual networks)",
    "nc1_trace_ratio": "Tr Sigma_W / Tr Sigma_B (Tirer & Bruna 2022)",
    "cdnv": "class-distance normalised variance, mean over pairs (Galanti et al. 2022)",
    "within_trace": "Tr Sigma_W",
    "rank_between": "rank of Sigma_B at tolerance 1e-10",
    "ncc_mismatch": "fraction whose nearest train class mean is not the network's answer (Papyan et al. 2020, Fig 7)",
    "ncc_accuracy": "fraction whose nearest train class mean is that of their label",
}

CENTRED = {
    "cosine_mean_class_centred": "cosine_mean of means centred by their mean, not the sample mean",
    "equiangularity_class_centred": "equiangularity, likewise",
    "equiangularity_unbiased_class_centred": "equiangularity_unbiased, likewise",
    "maximal_angle_class_centred": "maximal_angle, likewise",
    "equinorm_class_centred": "equinorm, likewise",
    "equinorm_unbiased_class_centred": "equinorm_unbiased, likewise",
}

DUALITY = {
    "self_duality": "squared distance of W/||W|| and M/||M||, M centred by the sample mean (Papyan et al. 2020, Fig 5)",
    "self_duality_class_centred": "the same, M centred by the mean of the class means",
    "alignment_distance": "the same as self_duality, not squared (Fang et al. 2021, code)",
    "alignment_distance_raw": "the same, M not centred (Dang et al. 2023, code)",
    "nc3": "distance of W M^T from a simplex's Gram matrix, M centred by the sample mean (Zhu et al. 2021, NC3)",
    "nc3_orthogonal": "distance of W M^T from the identity, M not centred (Dang et al. 2023, NC3 without biases)",
    "uniform_duality": "variance over classes of <w_c, m_c> (Wu & Papyan 2024, UNC3)",
    "uniform_duality_unbiased": "the same with K - 1",
    "nc4": "||b + W mu||, mu the sample mean (Zhu et al. 2021, NC4)",
    "nc4_minus": "||W mu - b|| (code of Nguyen et al. 2023)",
}

ORTHOGONAL_FRAME = {
    f"{name}{suffix}": f"{meaning}{where}"
    for suffix, where in (("", ""), ("_code", ", at the decays as the code takes them"))
    for name, meaning in {
        "gof_nc2_w": "distance of P P^T from its optimum (Dang et al. 2023, NC2 of weights)",
        "gof_nc2_h": "distance of H^T H from its optimum (NC2 of features)",
        "gof_nc3": "distance of P H from its optimum (NC3)",
        "gof_alignment": "distance of P from its optimum given H (NC3)",
        "gof_ratio": "distance of the squared norms' ratios from their optimum (NC3)",
    }.items()
}

ANSWERS = {
    "accuracy": "fraction of right answers",
    "loss": "mean cross-entropy",
    "calibration_error": "expected calibration error, 15 equal bins of the largest softmax probability",
}

CORRUPTION = {
    "memorization": "sum of distances of changed samples to their true class' test mean (Nguyen et al. 2023)",
    "memorization_clean": "the same, to the mean of its unchanged train samples (code of Nguyen et al. 2023)",
    "memorization_relative": "mean distance of changed samples over that of test class means",
    "memorization_fraction": "memorization over that distance and the number of train samples",
    "corruption_bias": "where changed samples lie between their true class (0) and their label's (1)",
}

LAYERS = {
    f"{name}{suffix}": f"{meaning}{where}"
    for suffix, where in (("", ""), ("_principal", ", of separation_fuzziness_principal"))
    for name, meaning in {
        "decay_ratio": "rho of ln D = a + l ln rho over the measured layers (He & Su 2023)",
        "decay_r": "Pearson's r of that fit",
        "decay_r2": "its R^2",
        "decay_error": "its standard error: the root of the squared residuals' sum over the degrees of freedom",
        "decay_error_two": "the same of two lines, fitted apart, that share the middle measured layer",
        "decay_ratio_first": "rho of the first of them",
        "decay_ratio_second": "rho of the second",
    }.items()
}

PER_CLASS = {
    "class_mean_norm": "norm of a class's mean, centred by the sample mean",
    "class_variance": "mean squared distance of a class's samples to their mean",
    "classifier_norm": "norm of a class's row of the classifier",
    "mean_classifier_cosine": "cosine of a class's mean, centred by the sample mean, and its row of the classifier",
}

OTHER_DATA = {"ood_orthogonality": "mean |cos(mu_c, mu_OOD)|, means not centred (Ammar et al. 2024, NC5)"}

METRICS = (
    GEOMETRY
    | FRAMES
    | VARIABILITY
    | CENTRED
    | DUALITY
    | ORTHOGONAL_FRAME
    | ANSWERS
    | CORRUPTION
    | LAYERS
    | PER_CLASS
    | OTHER_DATA
)

# Names of an earlier version, and what they are called now.
RENAMED = {
    "separation": "separation_fuzziness",
    "separation_principal": "separation_fuzziness_principal",
    "nc1_quotient": "nc1_trace_ratio",
}
