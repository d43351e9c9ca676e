#!/usr/bin/env python3
"""Writes tests/evaluation/data/golden.json: a sample with ties, several data sets and entities, and what scikit-learn and numpy compute of it.
Usage: make_golden.py [OUT]"""
import json
import os
import sys

import numpy as np
import sklearn
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve


def logit(p):
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p) - np.log1p(-p)


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "data", "golden.json")
    rng = np.random.default_rng(7)
    n = 240
    confidence = np.where(rng.random(n) < 0.5, rng.integers(0, 10, n) / 9, rng.random(n))  # half of them tied
    target = (rng.random(n) < 0.2 + 0.5 * confidence**2).astype(float)
    dataset = rng.integers(0, 4, n)
    target[dataset == 3] = 1.0  # one class only: left out of the AUROC within
    within = [(roc_auc_score(target[dataset == k], confidence[dataset == k]), int((dataset == k).sum())) for k in range(3)]
    fpr, tpr, _ = roc_curve(target, confidence, drop_intermediate=False)
    fit, held = slice(0, 150), slice(150, n)
    isotonic = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(confidence[fit], target[fit])
    plain = dict(C=np.inf, tol=1e-12, max_iter=10000, solver="newton-cholesky")
    platt = LogisticRegression(**plain).fit(logit(confidence[fit])[:, None], target[fit])
    temperature = LogisticRegression(**plain, fit_intercept=False).fit(logit(confidence[fit])[:, None], target[fit])

    examples, width, lam = 60, 8, 0.05
    features = (rng.normal(size=(examples, width)) @ rng.normal(size=(width, width)) + 3).astype(np.float32)
    features[:, 5] = 2.5  # constant
    probe_target = (rng.random(examples) < 1 / (1 + np.exp(-(features[:, 0] - features[:, 0].mean())))).astype(float)
    wide = features.astype(np.float64)
    probe = LogisticRegression(C=1 / (lam * 40), tol=1e-13, max_iter=10000, solver="newton-cholesky")
    train = wide[:40]
    scale = train.std(0)
    standard = (wide - train.mean(0)) / np.where(scale > 0, scale, 1)
    probe.fit(standard[:40], probe_target[:40])

    golden = {
        "made_with": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "confidence": confidence.tolist(), "target": target.tolist(), "dataset": dataset.tolist(), "fitted_on": 150,
        "auroc": roc_auc_score(target, confidence),
        "auroc_within": sum(a * w for a, w in within) / sum(w for _, w in within),
        "brier": brier_score_loss(target, confidence),
        "nll": log_loss(target, np.clip(confidence, 1e-6, 1 - 1e-6)),
        "roc": [fpr.tolist(), tpr.tolist()],
        "isotonic": isotonic.predict(confidence[held]).tolist(),
        "platt": [float(platt.coef_[0, 0]), float(platt.intercept_[0])],
        "temperature_slope": float(temperature.coef_[0, 0]),
        "percentiles": [float(np.percentile(confidence, 2.5)), float(np.percentile(confidence, 97.5))],
        "probe": {"features": features.reshape(-1).tolist(), "width": width, "train": 40, "lambda": lam, "target": probe_target.tolist(),
                  "probability": probe.predict_proba(standard)[:, 1].tolist()},
    }
    with open(out, "w") as file:
        json.dump(golden, file)
        file.write("\n")


if __name__ == "__main__":
    main()
